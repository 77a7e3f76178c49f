package io.guestmem.pager.workingset;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The pages that a VM touches first, in that order: of one run, or of several merged. Immutable.
 *
 * @param memory of the VM's memory
 * @param snapshot what the memory was made of
 * @param runs how many runs it was made of, in units of 1/{@value PageRun#ONE}; a page that does not stand in it was seen in none
 * @param order the pages, no page twice
 */
public record WorkingSet(MemoryRegions memory, SnapshotIdentity snapshot, int runs, List<PageRun> order) {
    /**
     * Checks it.
     *
     * @throws IllegalArgumentException if a page lies in no region or stands in it twice, or if it was observed in more runs
     *     than there were
     */
    public WorkingSet {
        order = List.copyOf(order);
        if (runs < 1) {
            throw new IllegalArgumentException("of no run");
        }
        for (PageRun run : order) {
            check(run, memory, runs);
        }
        checkOverlap(order);
    }

    /** Checks one entry of a set. */
    static void check(PageRun run, MemoryRegions memory, int runs) {
        long end = memory.regionEnd(run.page());
        if (end < 0 || run.end() > end) {
            throw new IllegalArgumentException(
                    run.pages() + " pages from page " + run.page() + ", which do not lie in one region");
        }
        if (run.observed() > runs) {
            throw new IllegalArgumentException("page " + run.page() + " was observed in more runs than there were");
        }
    }

    private static void checkOverlap(List<PageRun> order) {
        long end = -1;
        for (PageRun run :
                order.stream().sorted(Comparator.comparingLong(PageRun::page)).toList()) {
            if (run.page() < end) {
                throw new IllegalArgumentException("page " + run.page() + " stands in it twice");
            }
            end = run.end();
        }
    }

    /** How many pages there are. */
    public long pages() {
        return order.stream().mapToLong(PageRun::pages).sum();
    }

    /** How many pages were touched in one way. */
    public long pages(Touch touch) {
        return order.stream()
                .filter(run -> run.touch() == touch)
                .mapToLong(PageRun::pages)
                .sum();
    }

    /** All pages in bytes. */
    public long bytes() {
        return pages() * memory.pageSize();
    }

    /** When the last page was touched, in microseconds since the VM was attached. */
    public long micros() {
        return order.stream().mapToLong(PageRun::micros).max().orElse(0);
    }

    /**
     * The same in pages of another size: a large page is touched when its first small one is, and all small pages of a large one
     * are.
     *
     * @throws IllegalArgumentException if the regions are no whole pages of that size
     */
    public WorkingSet withPageSize(long size) {
        long own = memory.pageSize();
        if (size == own) {
            return this;
        }
        MemoryRegions other = memory.withPageSize(size);
        return new WorkingSet(other, snapshot, runs, size < own ? split(own / size) : join(other, size / own));
    }

    private List<PageRun> split(long factor) {
        return order.stream()
                .map(run -> new PageRun(
                        run.page() * factor,
                        run.pages() * factor,
                        run.touch(),
                        run.micros(),
                        run.seen(),
                        run.observed()))
                .toList();
    }

    private List<PageRun> join(MemoryRegions other, long factor) {
        Map<Long, PageRun> large = new LinkedHashMap<>();
        for (PageRun run : order) {
            for (long page = run.page() / factor; page <= (run.end() - 1) / factor; page++) {
                PageRun part = new PageRun(page, 1, run.touch(), run.micros(), run.seen(), run.observed());
                large.merge(page, part, WorkingSet::together);
            }
        }
        RunList joined = new RunList(other);
        large.values()
                .forEach(page -> joined.add(page.page(), page.touch(), page.micros(), page.seen(), page.observed()));
        return joined.runs();
    }

    /** Two parts of one large page, the earlier one first. */
    private static PageRun together(PageRun first, PageRun second) {
        Touch touch = first.touch() == Touch.AHEAD || second.touch() == Touch.WRITE ? second.touch() : first.touch();
        PageRun certain = second.seen() > first.seen() ? second : first;
        return new PageRun(first.page(), 1, touch, first.micros(), certain.seen(), certain.observed());
    }
}
