package io.guestmem.soft.mmu;

import io.guestmem.soft.Schedule;
import io.guestmem.soft.Trace;
import io.guestmem.soft.TraceSwitch;

/**
 * What all parts of the TDP MMU share: how an entry is replaced, and what follows from it.
 *
 * <p>Entries are replaced by compare-and-set under {@code mmu_lock} for reading, by exchange under {@code mmu_lock} for writing
 * (readers without any lock may set bits meanwhile). Walks need a section of {@link #readers}, or {@code mmu_lock} for writing.
 * Source: Linux 7.2 {@code tdp_mmu.c:__handle_changed_spte}, {@code handle_removed_pt}.
 */
final class StageTwo {
    final Schedule schedule;
    final MmuLock lock;
    final ReadSections readers;
    final PageTables tables;
    final MmuStatistics statistics = new MmuStatistics();
    final RemoteTlbs tlbs;
    final NxHugePages nxHugePages;
    private final TraceSwitch trace;

    StageTwo(Schedule schedule, TraceSwitch trace, KernelMemory memory, RemoteTlbs tlbs, boolean nxHugePages) {
        this.schedule = schedule;
        this.trace = trace;
        this.tlbs = tlbs;
        this.lock = new MmuLock(schedule);
        this.readers = new ReadSections(schedule);
        this.tables = new PageTables(readers, memory);
        this.nxHugePages = new NxHugePages(this, nxHugePages);
    }

    /** The A/D type of leaves under a root. */
    static long adType(MmuRole role) {
        return role.accessedDirty() ? 0 : Spte.AD_DISABLED;
    }

    /** Replaces an entry if it is still as it was read; under {@code mmu_lock} for reading. */
    boolean compareAndSet(long entry, long gfn, int level, long before, long after) {
        schedule.point(Schedule.Point.BEFORE_EXCHANGE);
        if (!NativeMemory.compareAndSet(entry, before, after)) {
            return false;
        }
        changed(gfn, level, before, after, true);
        return true;
    }

    /** Replaces an entry whatever it is; under {@code mmu_lock} for writing. */
    void set(long entry, long gfn, int level, long after) {
        changed(gfn, level, NativeMemory.getAndSet(entry, after), after, false);
    }

    /** An entry was replaced: statistics follow, and a table that is not reachable any more is taken apart. */
    void changed(long gfn, int level, long before, long after, boolean shared) {
        boolean wasLeaf = Spte.isLeaf(before, level);
        boolean isLeaf = Spte.isLeaf(after, level);
        if (wasLeaf && isLeaf && Spte.pfn(before) != Spte.pfn(after)) {
            throw new AssertionError("gfn 0x" + Long.toHexString(gfn) + " was mapped elsewhere without a zap: "
                    + Spte.describe(before, level) + " to " + Spte.describe(after, level));
        }
        if (wasLeaf != isLeaf) {
            statistics.addPages(level, isLeaf ? 1 : -1);
        }
        if (before != Spte.NEVER_MAPPED || after != Spte.FROZEN) {
            trace(Trace.Kind.ENTRY, gfn, level, before, after, "");
        }
        if (Spte.isTable(before, level) && (!Spte.isTable(after, level) || Spte.pfn(before) != Spte.pfn(after))) {
            removed(Spte.tableAddress(before), PageTables.gfn(Spte.tableAddress(before)), level - 1, shared);
        }
    }

    /** A table is not reachable any more: nobody may put anything into it, and what is in it is gone. */
    private void removed(long table, long firstGfn, int level, boolean shared) {
        schedule.point(Schedule.Point.TABLE_REMOVED);
        nxHugePages.forget(table);
        for (int i = 0; i < 512; i++) {
            long gfn = firstGfn + i * Spte.pages(level);
            long before = freeze(table + ((long) i << 3));
            changed(gfn, level, before, Spte.FROZEN, shared);
        }
        tables.retire(table);
    }

    /** Whoever has frozen an entry owns it: it is not frozen twice. */
    private static long freeze(long entry) {
        long before;
        do {
            before = NativeMemory.getAndSet(entry, Spte.FROZEN);
        } while (Spte.isFrozen(before));
        return before;
    }

    /** Puts a new table in the place of an entry; the table is freed if somebody was faster. */
    boolean link(long entry, long gfn, int level, long before, long table, MmuRole role) {
        if (compareAndSet(entry, gfn, level, before, Spte.table(table, adType(role)))) {
            return true;
        }
        tables.freeUnused(table);
        return false;
    }

    /** Replaces a large leaf by a table of smaller leaves; false if somebody was faster. */
    boolean split(long entry, long gfn, int level, long large, MmuRole role, boolean nxDisallowed) {
        long first = gfn & -Spte.pages(level);
        long table = tables.allocate(first, level - 1);
        PageTables.setNxDisallowed(table, nxDisallowed);
        for (int i = 0; i < 512; i++) {
            long small = Spte.small(large, i, level - 1, nxHugePages.isEnabled());
            NativeMemory.set(table + ((long) i << 3), small);
        }
        if (!link(entry, first, level, large, table, role)) {
            return false;
        }
        statistics.addPages(level - 1, 512);
        return true;
    }

    void flush() {
        statistics.countFlush();
        trace(Trace.Kind.FLUSH, 0, 0, 0, 0, "");
        tlbs.flush();
    }

    void trace(Trace.Kind kind, long gfn, int level, long before, long after, String why) {
        trace(kind, gfn, level == 0 ? 0 : Spte.pages(level), level, before, after, why);
    }

    void trace(Trace.Kind kind, long gfn, long pages, int level, long before, long after, String why) {
        Trace listener = trace.listener();
        if (listener != null) {
            listener.event(new Trace.Event(kind, gfn, pages, level, before, after, why));
        }
    }
}
