package io.guestmem.soft.host;

/** Transparent huge pages of one address space: splitting and collapsing them. For holders of the host's lock. */
final class HugePages {
    private final AddressSpace space;

    HugePages(AddressSpace space) {
        this.space = space;
    }

    /**
     * Splits the transparent huge page that an address is inside of, if there is one, and tells of all of it. Source: Linux 7.2
     * {@code mm/huge_memory.c:__split_huge_pmd}.
     */
    void splitOver(long hva) {
        if (!Level.isAligned(hva, Level.HUGE)) {
            split(hva);
        }
    }

    /**
     * A mapping is about to be split: whoever has mapped something of the 2 MiB around the border is told, for a huge page could
     * be there, and one that is there is split. Source: Linux 7.2 {@code mm/huge_memory.c:split_huge_pmd_if_needed},
     * {@code split_huge_pmd_address}, which looks for a huge page only after telling.
     */
    void splitMapping(Mapping mapping, long at) {
        if (Level.isAligned(at, Level.HUGE) || mapping.isHugetlb() || !mapping.holds(at, Level.HUGE)) {
            return;
        }
        long first = Level.down(at, Level.HUGE);
        space.notifiers.around(first, first + Level.bytes(Level.HUGE), () -> {
            if (isTransparentHuge(first)) {
                splitSilently(first);
            }
        });
    }

    /** Splits the transparent huge page around an address, if there is one. */
    void split(long hva) {
        if (isTransparentHuge(hva)) {
            long first = Level.down(hva, Level.HUGE);
            space.notifiers.around(first, first + Level.bytes(Level.HUGE), () -> splitSilently(first));
        }
    }

    /** Splits a transparent huge page inside an invalidation that covers it. */
    void splitSilently(long first) {
        space.table.visit(first, first + 1, (table, index, _, entry) -> {
            if (!Entry.isZeroPage(entry)) {
                space.frames.split(Entry.pfn(entry));
            }
            table.split(index);
        });
    }

    boolean isTransparentHuge(long hva) {
        long entry = space.table.lookup(hva);
        Mapping mapping = space.mappings.find(hva);
        return Entry.hasFrame(entry) && Entry.level(entry) == Level.HUGE && mapping != null && !mapping.isHugetlb();
    }

    /**
     * {@code MADV_COLLAPSE} of one mapping's part: every whole 2 MiB block of anonymous memory that has a table gets a new huge
     * page with the content of its pages, whatever the policy. The mapping must have a page of its own somewhere. Source: Linux
     * 7.2 {@code mm/khugepaged.c:madvise_collapse, collapse_huge_page}.
     *
     * @return 0, or {@code -EINVAL} if a block could not be collapsed
     */
    int collapse(Mapping mapping) {
        if (!mapping.isPlainAnonymous() || mapping.advice() == Mapping.HugeAdvice.NOHUGEPAGE) {
            return Failure.EINVAL;
        }
        if (!space.hasOwnPages(mapping.start())) {
            return Level.up(mapping.start(), Level.HUGE) < Level.down(mapping.end(), Level.HUGE) ? Failure.EINVAL : 0;
        }
        int result = 0;
        long last = Level.down(mapping.end(), Level.HUGE);
        for (long block = Level.up(mapping.start(), Level.HUGE); block < last; block += Level.bytes(Level.HUGE)) {
            if (!isTransparentHuge(block) && !collapse(mapping, block)) {
                result = Failure.EINVAL;
            }
        }
        return result;
    }

    private boolean collapse(Mapping mapping, long block) {
        long end = block + Level.bytes(Level.HUGE);
        boolean possible =
                mapping.home() == null && mapping.missing() == null && space.table.hasTable(block, Level.HUGE);
        if (!possible || hasPoison(block, end)) {
            return false;
        }
        long huge = space.frames.allocate(Level.HUGE);
        space.notifiers.around(block, end, () -> {
            space.table.visit(block, end, (table, index, hva, entry) -> {
                table.set(index, 0);
                long target = huge + ((hva - block) >>> Level.PAGE_SHIFT);
                if (Entry.isSwapped(entry)) {
                    space.reclaim.read(Entry.slot(entry), target);
                } else if (!Entry.isZeroPage(entry)) {
                    space.frames.copy(Entry.pfn(entry), target, Level.SMALL);
                }
                space.zap.drop(mapping, hva, entry);
            });
            long page = Entry.page(huge, Level.HUGE, mapping.privateFlags());
            boolean hidden = mapping.protection() == Protection.NONE;
            space.table.set(block, Level.HUGE, hidden ? Entry.hidden(page) : page);
        });
        return true;
    }

    private boolean hasPoison(long start, long end) {
        boolean[] found = {false};
        space.table.visit(start, end, (_, _, _, entry) -> found[0] |= Entry.isPoisoned(entry));
        return found[0];
    }
}
