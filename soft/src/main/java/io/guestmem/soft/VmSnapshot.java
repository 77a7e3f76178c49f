package io.guestmem.soft;

import io.guestmem.abi.VmType;
import io.guestmem.soft.host.Frames;
import io.guestmem.soft.mmu.Spte;
import java.util.List;
import java.util.Locale;

/**
 * A VM as it was.
 *
 * @param generations of the memslots, by address space
 * @param slots by address space and gfn
 * @param privateRanges of gfns
 * @param roots of stage 2, invalid ones too
 * @param pages4k the statistics {@code pages_4k}
 * @param pages2m the statistics {@code pages_2m}
 * @param pages1g the statistics {@code pages_1g}
 * @param tables pages of stage-2 tables, some of which may be waiting to be freed
 */
public record VmSnapshot(
        VmType type,
        List<Long> generations,
        List<Slot> slots,
        List<Range> privateRanges,
        List<RootTable> roots,
        long pages4k,
        long pages2m,
        long pages1g,
        long tables) {
    /** Copies the lists. */
    public VmSnapshot {
        generations = List.copyOf(generations);
        slots = List.copyOf(slots);
        privateRanges = List.copyOf(privateRanges);
        roots = List.copyOf(roots);
    }

    /**
     * A memslot.
     *
     * @param pages of 4 KiB
     * @param dirtyPages in its bitmap; −1 if it has none
     */
    public record Slot(
            int addressSpace,
            int id,
            long baseGfn,
            long pages,
            long hva,
            boolean readOnly,
            boolean logging,
            boolean invalid,
            boolean guestMemfd,
            long dirtyPages) {}

    /** Gfns from the first to the first behind. */
    public record Range(long from, long to) {}

    /**
     * A stage-2 tree.
     *
     * @param role what it is for, in words
     * @param holders vCPUs that use it
     * @param entries that are not empty, by gfn, tables before what is in them
     */
    public record RootTable(String role, boolean invalid, int holders, List<Entry> entries) {
        /** Copies the list. */
        public RootTable {
            entries = List.copyOf(entries);
        }

        /** The entries that map memory. */
        public List<Entry> leaves() {
            return entries.stream().filter(Entry::leaf).toList();
        }
    }

    /**
     * A stage-2 entry.
     *
     * @param gfn the first page that it covers
     * @param level of its table: 1 is 4 KiB
     * @param spte its value; in a table entry the address differs from run to run
     * @param leaf whether it maps memory
     * @param words its value in words
     */
    public record Entry(long gfn, int level, long spte, boolean leaf, String words) {
        private static final int PAGE_SHIFT = 12;

        /** Whether the guest may write: now, or once an access gives an entry its rights back that lost them to notice it. */
        public boolean isWritable() {
            return Spte.isWritable(spte) || (Spte.isAccessTracked(spte) && (spte & Spte.MMU_WRITABLE) != 0);
        }

        /** Whether the guest may fetch, in the same sense. */
        public boolean isExecutable() {
            return Spte.allows(Spte.isAccessTracked(spte) ? Spte.restoreAccess(spte) : spte, false, true);
        }

        /** The accessed bit; where the processor sets none, whether an access would pass unnoticed. */
        public boolean isAccessed() {
            return Spte.hasAccessedDirty(spte) ? (spte & Spte.ACCESSED) != 0 : !Spte.isAccessTracked(spte);
        }

        /** The dirty bit. */
        public boolean isDirty() {
            return (spte & Spte.DIRTY) != 0;
        }

        /** Whether a leaf maps the shared page of zeroes, or a part of the huge one. */
        public boolean isZeroPage() {
            long pfn = Spte.pfn(spte);
            return pfn == Frames.ZERO_PFN
                    || (pfn >= Frames.HUGE_ZERO_PFN && pfn < Frames.HUGE_ZERO_PFN + Spte.pages(2));
        }

        /** Whether it maps what follows what another one maps, in the same way. */
        private boolean continues(Entry before) {
            long pages = 1L << (9 * (level - 1));
            return leaf
                    && before.leaf
                    && level == before.level
                    && gfn == before.gfn + pages
                    && spte == before.spte + (pages << PAGE_SHIFT);
        }
    }

    /** The VM as tables. */
    public String describe() {
        StringBuilder text = new StringBuilder();
        text.append(String.format(
                Locale.ROOT,
                "VM %s generations %s pages_4k %d pages_2m %d pages_1g %d tables %d%n",
                type,
                generations,
                pages4k,
                pages2m,
                pages1g,
                tables));
        for (Slot slot : slots) {
            text.append(String.format(
                    Locale.ROOT,
                    "  slot %d:%d gfn 0x%x pages %d hva 0x%x%s%s%s%s%s%n",
                    slot.addressSpace(),
                    slot.id(),
                    slot.baseGfn(),
                    slot.pages(),
                    slot.hva(),
                    slot.readOnly() ? " read-only" : "",
                    slot.logging() ? " logging" : "",
                    slot.invalid() ? " invalid" : "",
                    slot.guestMemfd() ? " guest_memfd" : "",
                    slot.dirtyPages() < 0 ? "" : " dirty " + slot.dirtyPages()));
        }
        for (Range range : privateRanges) {
            text.append(String.format(Locale.ROOT, "  private gfn 0x%x to 0x%x%n", range.from(), range.to()));
        }
        for (RootTable root : roots) {
            text.append(String.format(
                    Locale.ROOT,
                    "  root %s%s vcpus %d%n",
                    root.role(),
                    root.invalid() ? " invalid" : "",
                    root.holders()));
            describe(root.entries(), text);
        }
        return text.toString();
    }

    /** Neighbours that map neighbouring frames in the same way share a line. */
    private static void describe(List<Entry> entries, StringBuilder text) {
        int first = 0;
        for (int i = 1; i <= entries.size(); i++) {
            if (i < entries.size() && entries.get(i).continues(entries.get(i - 1))) {
                continue;
            }
            Entry entry = entries.get(first);
            text.append(String.format(
                    Locale.ROOT,
                    "%s%d gfn 0x%x%s %s%n",
                    "  ".repeat(6 - entry.level()),
                    entry.level(),
                    entry.gfn(),
                    i - first == 1 ? "" : " and " + (i - first - 1) + " more",
                    entry.words()));
            first = i;
        }
    }
}
