package io.guestmem.bench;

import java.util.function.LongSupplier;

/**
 * One pass through all addresses of a list, or through all leaves.
 *
 * @param sum of the physical addresses, modulo 2 to the 64th
 * @param nanos that it took
 */
record WalkPass(long sum, long nanos) {
    /** A side: makes a pass. */
    interface Side {
        /** One pass. */
        WalkPass pass();
    }

    /** A side that works in this process. */
    static Side timed(LongSupplier work) {
        return () -> {
            long start = System.nanoTime();
            long sum = work.getAsLong();
            return new WalkPass(sum, System.nanoTime() - start);
        };
    }
}
