package io.guestmem.conform;

import io.guestmem.soft.Schedule;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads run freely, but at some points one of them waits for a moment: a seed decides how often and for how long. Orders that
 * hardly ever come by themselves come often then.
 */
final class RandomDelays implements Schedule {
    private static final int ONE_IN = 64;
    private static final int MOST_NANOS = 50_000;

    private final Random random;

    RandomDelays(long seed) {
        this.random = new Random(seed);
    }

    @Override
    public void point(Point point) {
        int number = random.nextInt(ONE_IN * MOST_NANOS);
        if (number < MOST_NANOS) {
            LockSupport.parkNanos(number);
        }
    }
}
