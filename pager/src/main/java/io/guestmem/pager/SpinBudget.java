package io.guestmem.pager;

import java.util.concurrent.TimeUnit;

/**
 * How long an event thread looks for the next message before it sleeps: longer while that pays, not at all while it does not.
 * Belongs to one thread.
 */
final class SpinBudget {
    private static final long LONGEST_NANOS = TimeUnit.MICROSECONDS.toNanos(50);
    private static final long SHORTEST_NANOS = TimeUnit.MICROSECONDS.toNanos(5);

    private long budget;

    /** Whether to look once more, having found nothing for so long. */
    boolean goesOn(long idleNanos) {
        return idleNanos < budget;
    }

    /** A message came after so long, found by looking or by being woken: spin for as long next time, if that is short. */
    void messageCameAfter(long idleNanos) {
        if (idleNanos < LONGEST_NANOS) {
            budget = Math.clamp(idleNanos * 2, SHORTEST_NANOS, LONGEST_NANOS);
        } else {
            budget = budget / 2 < SHORTEST_NANOS ? 0 : budget / 2;
        }
    }
}
