package io.guestmem.pager;

import java.time.Duration;

/**
 * What is done with the memory of each VM beside serving its faults.
 *
 * @param trackDirty whether the pages that it writes are tracked
 * @param collapse whether its memory becomes huge pages when all of it was prefetched
 * @param blockedAfter after how long without progress, while somebody waits, an event says so; more than 0
 */
public record ServingOptions(boolean trackDirty, boolean collapse, Duration blockedAfter) {
    /** No more than is needed; an event after five seconds. */
    public static final ServingOptions DEFAULT = new ServingOptions(false, false, Duration.ofSeconds(5));

    /** Checks the time. */
    public ServingOptions {
        if (!blockedAfter.isPositive()) {
            throw new IllegalArgumentException("not a positive time: " + blockedAfter);
        }
    }

    /** The same with tracked writes. */
    public ServingOptions trackingDirty() {
        return new ServingOptions(true, collapse, blockedAfter);
    }

    /** The same with huge pages. */
    public ServingOptions collapsing() {
        return new ServingOptions(trackDirty, true, blockedAfter);
    }

    /** The same with another time. */
    public ServingOptions blockedAfter(Duration time) {
        return new ServingOptions(trackDirty, collapse, time);
    }
}
