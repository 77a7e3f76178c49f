package io.guestmem.pager;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How long something took, in buckets that double and are halved once more: an error of a quarter at most. Recording allocates
 * nothing and is for one thread; others read what may be a moment old.
 *
 * <pre>{@code
 * bucket      0       1        2          3        4        5         ...  last
 * below (µs)  1       1.5      2          3        4        6              the rest
 * }</pre>
 */
final class LatencyHistogram {
    private static final long SMALLEST = TimeUnit.MICROSECONDS.toNanos(1);
    private static final int DOUBLINGS = 24;
    private static final int BUCKETS = 2 + 2 * DOUBLINGS;

    private final AtomicLongArray counts = new AtomicLongArray(BUCKETS);
    private final AtomicLong sum = new AtomicLong();

    void record(long nanos) {
        int bucket = bucket(nanos);
        counts.setOpaque(bucket, counts.getPlain(bucket) + 1);
        sum.setOpaque(sum.getPlain() + Math.max(0, nanos));
    }

    private static int bucket(long nanos) {
        if (nanos < SMALLEST) {
            return 0;
        }
        long times = nanos / SMALLEST;
        int doublings = Long.SIZE - 1 - Long.numberOfLeadingZeros(times);
        boolean upperHalf = 2 * nanos >= 3 * (SMALLEST << doublings);
        return Math.min(BUCKETS - 1, 1 + 2 * doublings + (upperHalf ? 1 : 0));
    }

    /** How many buckets have an upper end; behind them is one that has none. */
    static int finite() {
        return BUCKETS - 1;
    }

    /** Where a bucket ends, in nanoseconds. */
    static long end(int bucket) {
        if (bucket == 0) {
            return SMALLEST;
        }
        long begin = SMALLEST << ((bucket - 1) / 2);
        return bucket % 2 == 0 ? 2 * begin : begin + begin / 2;
    }

    long count(int bucket) {
        return counts.getOpaque(bucket);
    }

    /** All that was recorded. */
    long count() {
        long all = 0;
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            all += count(bucket);
        }
        return all;
    }

    /** The sum of all that was recorded, in nanoseconds. */
    long sum() {
        return sum.getOpaque();
    }

    /**
     * What so many of a thousand were below, in nanoseconds; 0 if nothing was recorded.
     *
     * @param thousandths 500 is the median
     */
    long quantile(int thousandths) {
        long wanted = Math.ceilDiv(count() * thousandths, 1000);
        long seen = 0;
        for (int bucket = 0; bucket < finite(); bucket++) {
            seen += count(bucket);
            if (seen >= wanted) {
                return wanted == 0 ? 0 : end(bucket);
            }
        }
        return end(finite() - 1);
    }
}
