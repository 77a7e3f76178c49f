package io.guestmem.pager;

import java.util.concurrent.TimeUnit;

/**
 * How long a thread looks for the next message before it sleeps: longer while that finds one, not at all where it does not. Belongs
 * to one thread.
 *
 * <p>A vCPU on another CPU is served sooner by a thread that looks: a wake-up costs more there than the whole fault. One on the same
 * CPU cannot fault while the server looks. Which of the two it is shows only by trying, so looking that has found nothing rests, and
 * is tried again so rarely that it does not show among a hundred faults.
 */
final class SpinBudget {
    private static final long LONGEST_NANOS = TimeUnit.MICROSECONDS.toNanos(50);
    private static final long SHORTEST_NANOS = TimeUnit.MICROSECONDS.toNanos(5);
    private static final int FIRST_REST = 256;
    private static final int LONGEST_REST = 4096;

    private long budget;

    /** So many messages come without looking for them. */
    private int resting;

    private int nextRest = FIRST_REST;

    /** Whether to look once more, having found nothing for so long. */
    boolean goesOn(long idleNanos) {
        return idleNanos < budget;
    }

    /**
     * A message has come.
     *
     * @param idleNanos after the last one was dealt with
     * @param looked whether the thread had looked before, and found none
     * @param slept whether the message has woken the thread
     */
    void messageCame(long idleNanos, boolean looked, boolean slept) {
        if (budget == 0) {
            resting--;
            if (resting <= 0 && idleNanos < LONGEST_NANOS) {
                lookFor(idleNanos);
            }
        } else if (slept && idleNanos < LONGEST_NANOS) {
            budget = 0;
            resting = nextRest;
            nextRest = Math.min(LONGEST_REST, nextRest * 2);
        } else if (slept) {
            budget = budget / 2 < SHORTEST_NANOS ? 0 : budget / 2;
        } else if (looked) {
            lookFor(idleNanos);
            nextRest = FIRST_REST;
        }
    }

    private void lookFor(long idleNanos) {
        budget = Math.clamp(idleNanos * 2, SHORTEST_NANOS, LONGEST_NANOS);
    }
}
