package io.guestmem.pager;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Pages whose content could not be read and may be had in a moment: each is tried again, alone, after a pause that doubles, until
 * its budget is used up. All other pages are served meanwhile. Belongs to one thread.
 *
 * <p>A pause is between half of its length and all of it, at random: what failed together is not asked for together again.
 */
final class SourceRetries {
    static final long FIRST_PAUSE_NANOS = 1_000_000;
    static final long LONGEST_PAUSE_NANOS = 100_000_000;

    private final long budget;
    private final RandomGenerator random;
    private final WaitingPages pages = new WaitingPages();

    /** When each page is tried again. */
    private long[] due = new long[16];

    /**
     * Makes it.
     *
     * @param budget for how long a page is tried after it was asked for, in nanoseconds; 0 for not again
     */
    SourceRetries(long budget, RandomGenerator random) {
        this.budget = budget;
        this.random = random;
    }

    /**
     * Keeps a page for later.
     *
     * @param since when it was asked for
     * @return false if its budget is used up
     */
    boolean later(long page, long since, int reasons, long now) {
        long age = now - since;
        if (age >= budget) {
            return false;
        }
        // It has waited for about as long as all its pauses together: the next one doubles that.
        long pause = Math.clamp(age, FIRST_PAUSE_NANOS, LONGEST_PAUSE_NANOS);
        int size = pages.size();
        pages.add(page, since, reasons);
        if (pages.size() > size) {
            if (size == due.length) {
                due = Arrays.copyOf(due, size * 2);
            }
            due[size] = now + Math.min(pause / 2 + random.nextLong(pause / 2 + 1), budget - age);
        }
        return true;
    }

    boolean isEmpty() {
        return pages.size() == 0;
    }

    /** Gives pages whose time has come back to those that wait. */
    void giveBack(WaitingPages waiting, long now) {
        int kept = 0;
        for (int i = 0; i < pages.size(); i++) {
            if (due[i] - now <= 0) {
                waiting.add(pages.page(i), pages.since(i), pages.reasons(i));
            } else {
                due[kept] = due[i];
                pages.keep(i, kept++);
            }
        }
        pages.truncate(kept);
    }

    /** How long until the next one, in nanoseconds; {@link Long#MAX_VALUE} if there is none. */
    long pause(long now) {
        long shortest = Long.MAX_VALUE;
        for (int i = 0; i < pages.size(); i++) {
            shortest = Math.min(shortest, Math.max(0, due[i] - now));
        }
        return shortest;
    }
}
