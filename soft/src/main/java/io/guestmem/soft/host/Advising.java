package io.guestmem.soft.host;

/** {@code madvise(2)} on one address space. Source: Linux 7.2 {@code mm/madvise.c}. */
final class Advising {
    private final AddressSpace space;

    Advising(AddressSpace space) {
        this.space = space;
    }

    /** Mapping by mapping; holes are stepped over, and reported in the end. For holders of the host's lock. */
    int advise(Advice advice, long start, long end) {
        boolean whole = space.mappings.cover(start, end);
        for (Mapping mapping : space.mappings.in(start, end)) {
            int result = advise(advice, mapping);
            if (result != 0) {
                return result;
            }
        }
        return whole ? 0 : Failure.ENOMEM;
    }

    private int advise(Advice advice, Mapping mapping) {
        return switch (advice) {
            case DONTNEED -> space.zap.dontNeed(mapping);
            case FREE -> space.zap.free(mapping);
            case REMOVE -> space.zap.remove(mapping);
            case WILLNEED -> willNeed(mapping);
            case HUGEPAGE -> advised(mapping, Mapping.HugeAdvice.HUGEPAGE);
            case NOHUGEPAGE -> advised(mapping, Mapping.HugeAdvice.NOHUGEPAGE);
            case COLLAPSE -> space.huge.collapse(mapping);
            case COLD -> cold(mapping);
            case PAGEOUT -> space.reclaim.pageOut(mapping);
            case POPULATE_READ, POPULATE_WRITE ->
                throw new IllegalArgumentException("populating takes the lock itself");
        };
    }

    private int advised(Mapping mapping, Mapping.HugeAdvice advice) {
        space.mappings.change(mapping.start(), mapping.end(), each -> each.advised(advice));
        return 0;
    }

    /** Reads a file ahead; errors are found by who touches the page. */
    private static int willNeed(Mapping mapping) {
        SharedFile file = mapping.file();
        if (file != null && !file.isMemory()) {
            for (long hva = mapping.start(); hva < mapping.end(); hva += Level.PAGE) {
                file.page(mapping.fileOffset(hva));
            }
        }
        return 0;
    }

    /** Ages pages, which nobody sees; but a transparent huge page that is partly meant is split. */
    private int cold(Mapping mapping) {
        if (mapping.isHugetlb() || mapping.home() != null) {
            return Failure.EINVAL;
        }
        space.huge.splitOver(mapping.start());
        space.huge.splitOver(mapping.end());
        return 0;
    }

    /**
     * Faults a range in as the process would. Takes no lock for longer than a page. Source: Linux 7.2 {@code
     * mm/madvise.c:madvise_populate}, {@code mm/gup.c:faultin_page_range}.
     */
    int populate(long start, long end, boolean write) {
        long hva = start;
        while (hva < end) {
            long fault = space.faultIn(hva, write);
            if (!HostFault.isPage(fault)) {
                return fault == Failure.EFAULT ? whyNot(hva, write) : (int) fault;
            }
            int level = HostFault.level(fault);
            hva = Level.down(hva, level) + Level.bytes(level);
        }
        return 0;
    }

    private int whyNot(long hva, boolean write) {
        space.host.lock();
        try {
            Mapping mapping = space.mappings.find(hva);
            if (mapping == null) {
                return Failure.ENOMEM;
            }
            return mapping.protection().allows(write) ? Failure.EFAULT : Failure.EINVAL;
        } finally {
            space.host.unlock();
        }
    }
}
