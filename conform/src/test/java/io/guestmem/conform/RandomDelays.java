package io.guestmem.conform;

import io.guestmem.soft.Schedule;
import java.util.Random;

/**
 * Threads run freely, but at some points one of them tarries for a moment, so that what others do in between comes in between
 * more often: a seed decides how often and for how long. It keeps its processor meanwhile; on a busy host, giving it away at every
 * such point would take minutes.
 */
final class RandomDelays implements Schedule {
    private static final int ONE_IN = 16;
    private static final int MOST_SPINS = 1000;

    private final Random random;

    RandomDelays(long seed) {
        this.random = new Random(seed);
    }

    @Override
    public void point(Point point) {
        if (random.nextInt(ONE_IN) == 0) {
            for (int spins = random.nextInt(MOST_SPINS); spins > 0; spins--) {
                Thread.onSpinWait();
            }
        }
    }
}
