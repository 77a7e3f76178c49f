package io.guestmem.soft.host;

/**
 * Memory that breaks: {@code MADV_HWPOISON}. For holders of the host's lock. Source: Linux 7.2 {@code
 * mm/memory-failure.c:memory_failure, hwpoison_user_mappings}.
 */
final class Poison {
    private final Host host;
    private final FrameTable frames;

    Poison(AddressSpace space) {
        host = space.host;
        frames = space.frames;
    }

    /**
     * Breaks the page of an entry, for all who have it. A transparent huge page is split, so that 4 KiB break; of a hugetlb page
     * all of it does.
     *
     * @return 0, or {@code -EBUSY} for the zero page
     */
    int poison(Mapping mapping, long hva, long entry) {
        if (Entry.isZeroPage(entry)) {
            return Failure.EBUSY;
        }
        SharedFile file = mapping.file();
        if (!Entry.isAnonymous(entry) && file != null) {
            poisonFile(file, mapping.fileOffset(hva), entry);
        } else {
            poisonAnonymous(hva, Entry.pfn(entry) + within(mapping, hva, entry), mapping.pageLevel());
        }
        return 0;
    }

    private static long within(Mapping mapping, long hva, long entry) {
        long first = Level.down(hva, Entry.level(entry));
        return (Level.down(hva, mapping.pageLevel()) - first) >>> Level.PAGE_SHIFT;
    }

    /** Anonymous pages never move, so whoever shares one by fork has it at the same address. */
    private void poisonAnonymous(long hva, long pfn, int level) {
        frames.poison(pfn, level);
        for (AddressSpace each : host.spaces) {
            if (holds(each, hva, pfn)) {
                if (level == Level.SMALL) {
                    each.huge.split(hva);
                }
                breakEntry(each, hva, level);
            }
        }
    }

    private static boolean holds(AddressSpace space, long hva, long pfn) {
        long entry = space.table.lookup(hva);
        long first = Entry.pfn(entry);
        return Entry.hasFrame(entry) && pfn >= first && pfn < first + Level.frames(Entry.level(entry));
    }

    /** A page of a memfd leaves broken entries; one that can be read again from its source only goes. */
    private void poisonFile(SharedFile file, long offset, long entry) {
        file.poison(offset);
        for (AddressSpace each : file.spaces()) {
            for (Mapping mapping : each.mappings.of(file)) {
                long hva = mapping.addressOf(Level.down(offset, file.pageLevel()));
                boolean inside = hva >= mapping.start() && hva < mapping.end();
                if (inside && holds(each, hva, Entry.pfn(entry))) {
                    if (file.isMemory()) {
                        breakEntry(each, hva, file.pageLevel());
                    } else {
                        each.notifiers.around(hva, hva + Level.PAGE, () -> each.zap.filePages(hva, hva + Level.PAGE));
                    }
                }
            }
        }
    }

    private static void breakEntry(AddressSpace space, long hva, int level) {
        long first = Level.down(hva, level);
        space.notifiers.around(first, first + Level.bytes(level), () -> {
            long entry = space.table.lookup(first);
            space.table.set(first, level, Entry.poisoned(entry));
            space.frames.putPage(Entry.pfn(entry), level);
        });
    }
}
