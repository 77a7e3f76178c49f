package io.guestmem.pager.workingset;

/**
 * Pages that follow each other in the memory file and were first touched one after the other.
 *
 * @param page the first: its offset in the memory file, divided by the page size
 * @param pages how many, at least 1
 * @param touch how
 * @param micros when the first one was touched, in microseconds since the VM was attached; the others follow within
 *     {@value #LONGEST_MICROS}
 * @param seen in how many runs, in units of 1/{@value #ONE}
 * @param observed of how many runs it is known whether they touched it, in the same unit; {@code seen} at least
 */
public record PageRun(long page, long pages, Touch touch, long micros, int seen, int observed) {
    /** One run of a VM, as {@link #seen} and {@link #observed} count it. */
    public static final int ONE = 256;

    /** How long the touches of one entry may take, in microseconds. */
    public static final long LONGEST_MICROS = 1000;

    /** Checks the ranges. */
    public PageRun {
        if (page < 0 || pages < 1 || page > Long.MAX_VALUE - pages) {
            throw new IllegalArgumentException(pages + " pages from page " + page);
        }
        if (micros < 0) {
            throw new IllegalArgumentException("a touch before the VM was attached");
        }
        if (seen < 0 || observed < seen) {
            throw new IllegalArgumentException("seen in " + seen + " of " + observed + " parts of runs");
        }
    }

    /** The first page behind it. */
    public long end() {
        return page + pages;
    }

    /** The share of the runs that touched it, of those of which that is known; 1 if it is known of none. */
    public double share() {
        return observed == 0 ? 1 : (double) seen / observed;
    }
}
