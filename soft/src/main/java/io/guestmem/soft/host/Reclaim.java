package io.guestmem.soft.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Swapping pages of one address space out. For holders of the host's lock. */
final class Reclaim {
    private final AddressSpace space;

    Reclaim(AddressSpace space) {
        this.space = space;
    }

    /**
     * Takes the pages of one mapping's part out of the page table, as {@code MADV_PAGEOUT} does: those that no other
     * process has. Anonymous ones go to swap, a file's stay in its cache. Hugetlb pages and those at home cannot. A transparent huge page is
     * split and goes in one invalidation, others each in its own. Source: Linux 7.2 {@code
     * mm/madvise.c:madvise_cold_or_pageout_pte_range}, {@code mm/rmap.c:try_to_unmap_one}.
     *
     * @return 0 or {@code -EINVAL}
     */
    int pageOut(Mapping mapping) {
        if (mapping.isHugetlb() || mapping.home() != null) {
            return Failure.EINVAL;
        }
        space.huge.splitOver(mapping.start());
        space.huge.splitOver(mapping.end());
        space.table.visit(mapping.start(), mapping.end(), (table, index, hva, entry) -> {
            if (!Entry.isPresent(entry) || Entry.isZeroPage(entry) || isShared(entry)) {
                return;
            }
            if (Entry.level(entry) == Level.HUGE) {
                long end = hva + Level.bytes(Level.HUGE);
                space.notifiers.around(hva, end, () -> {
                    space.huge.splitSilently(hva);
                    space.table.visit(hva, end, this::out);
                });
            } else {
                space.notifiers.around(hva, hva + Level.PAGE, () -> out(table, index, hva, entry));
            }
        });
        return 0;
    }

    /** Whether another page table has the page too; a file's cache is none. */
    private boolean isShared(long entry) {
        int own = Entry.isAnonymous(entry) ? 1 : 2;
        return space.frames.references(Entry.pfn(entry), Entry.level(entry)) > own;
    }

    /** Reads a swapped page into a frame. */
    void read(long slot, long pfn) {
        byte[] content = space.host.swap.content(slot);
        MemorySegment.copy(
                MemorySegment.ofArray(content), 0, NativeMemory.ALL, space.frames.address(pfn), content.length);
    }

    private void out(PageTable table, int index, long hva, long entry) {
        table.set(index, 0);
        if (Entry.isAnonymous(entry)) {
            byte[] content = NativeMemory.ALL
                    .asSlice(space.frames.address(Entry.pfn(entry)), Level.PAGE)
                    .toArray(ValueLayout.JAVA_BYTE);
            table.set(index, Entry.swapped(space.host.swap.store(content)));
        }
        space.frames.putPage(Entry.pfn(entry), Level.SMALL);
    }
}
