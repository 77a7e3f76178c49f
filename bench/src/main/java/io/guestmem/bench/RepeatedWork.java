package io.guestmem.bench;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Work that is made ready, done and checked over and over for a while; only the doing is timed.
 *
 * @param prepare makes it ready to be done again
 * @param work does it, and answers how many nanoseconds it took
 * @param done how much is done
 * @param count what {@code done} must answer each time
 */
record RepeatedWork(Runnable prepare, LongSupplier work, LongSupplier done, long count) {
    /** Nanoseconds of work on the calling thread. */
    static LongSupplier timed(Runnable work) {
        return () -> {
            long start = System.nanoTime();
            work.run();
            return System.nanoTime() - start;
        };
    }

    /**
     * Does it once.
     *
     * @return nanoseconds
     * @throws BenchmarkException if not all was done
     */
    long once() {
        prepare.run();
        long nanos = work.getAsLong();
        long counted = done.getAsLong();
        if (counted != count) {
            throw new BenchmarkException("the work should leave " + count + ", and left " + counted);
        }
        return nanos;
    }

    /**
     * Repeats it.
     *
     * @param time at least so long is worked
     * @return the nanoseconds of the fastest repetition: whoever else uses the machine can only slow it down
     */
    double repeat(Duration time) {
        return fastest(this::once, time);
    }

    /** The same of work that makes itself ready and checks itself. */
    static double fastest(LongSupplier once, Duration time) {
        long total = 0;
        long least = Long.MAX_VALUE;
        do {
            long nanos = once.getAsLong();
            least = Math.min(least, nanos);
            total += nanos;
        } while (total < time.toNanos());
        return least;
    }
}
