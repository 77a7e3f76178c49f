package io.guestmem.pager;

import java.time.Duration;

/**
 * What is done with the memory of each VM beside serving its faults.
 *
 * @param trackDirty whether the pages that it writes are tracked
 * @param collapse whether its memory becomes huge pages when all of it was prefetched
 * @param blockedAfter after how long without progress, while somebody waits, an event says so; more than 0
 * @param sourceBudget for how long content that cannot be read is tried again before the {@link FailurePolicy} holds; zero for not
 *     again
 * @param aheadPercent how much of the memory that control groups allow a VM's process may be used by what is installed ahead of
 *     demand, with what the process has already, from 1 to 100
 */
public record ServingOptions(
        boolean trackDirty, boolean collapse, Duration blockedAfter, Duration sourceBudget, int aheadPercent) {
    /** For how long a source is tried, if nothing else is said. */
    public static final Duration SOURCE_BUDGET = Duration.ofSeconds(1);

    /** How much of its memory a VM may get ahead of demand, if nothing else is said. */
    public static final int AHEAD_PERCENT = 90;

    /** No more than is needed; an event after five seconds. */
    public static final ServingOptions DEFAULT =
            new ServingOptions(false, false, Duration.ofSeconds(5), SOURCE_BUDGET, AHEAD_PERCENT);

    private static final int WHOLE = 100;

    /** Checks times and percentage. */
    public ServingOptions {
        if (!blockedAfter.isPositive() || sourceBudget.isNegative()) {
            throw new IllegalArgumentException("not a positive time: " + blockedAfter + ", " + sourceBudget);
        }
        if (aheadPercent < 1 || aheadPercent > WHOLE) {
            throw new IllegalArgumentException("not from 1 to 100: " + aheadPercent);
        }
    }

    /** The same with tracked writes. */
    public ServingOptions trackingDirty() {
        return new ServingOptions(true, collapse, blockedAfter, sourceBudget, aheadPercent);
    }

    /** The same with huge pages. */
    public ServingOptions collapsing() {
        return new ServingOptions(trackDirty, true, blockedAfter, sourceBudget, aheadPercent);
    }

    /** The same with another time. */
    public ServingOptions blockedAfter(Duration time) {
        return new ServingOptions(trackDirty, collapse, time, sourceBudget, aheadPercent);
    }
}
