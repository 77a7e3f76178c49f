package io.guestmem.bench;

import java.time.Duration;
import java.util.function.LongSupplier;

/** A side that repeats a short operation for a while; its figure is nanoseconds an operation. Not thread-safe. */
final class TimedLoop implements SideBySide.Side {
    /** So many that reading the clock does not count, and few enough for the time to be kept. */
    private static final int BATCH = 1000;

    private final Operation operation;
    private final int batch;
    private final long nanos;
    private final LongSupplier clock;

    /** What the operations returned: a compiler cannot drop what has effects. */
    @SuppressWarnings("unused")
    private volatile long results;

    /** An operation with its own loop, so that the loop is compiled for this operation and no other. */
    interface Operation {
        /**
         * Makes it several times.
         *
         * @return something that depends on the result of each
         */
        long repeat(int times);
    }

    TimedLoop(Operation operation, Duration time, LongSupplier clock) {
        this(operation, BATCH, time, clock);
    }

    TimedLoop(Operation operation, int batch, Duration time, LongSupplier clock) {
        this.operation = operation;
        this.batch = batch;
        this.nanos = time.toNanos();
        this.clock = clock;
    }

    @Override
    public double measure() {
        long results = 0;
        long done = 0;
        long start = clock.getAsLong();
        long elapsed;
        do {
            results += operation.repeat(batch);
            done += batch;
            elapsed = clock.getAsLong() - start;
        } while (elapsed < nanos);
        this.results = results;
        return (double) elapsed / done;
    }
}
