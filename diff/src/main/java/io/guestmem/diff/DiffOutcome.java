package io.guestmem.diff;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a comparison showed.
 *
 * @param calls that were made on each kernel
 * @param sequences that they were in
 * @param time that it took
 * @param explained how often each rule explained a difference
 * @param once differences that did not come again when their sequence was repeated
 * @param failure the first difference that no rule explains, shrunk
 */
public record DiffOutcome(
        long calls,
        long sequences,
        Duration time,
        Map<KnownDifference, Long> explained,
        List<Difference> once,
        Optional<Difference> failure) {
    private static final double NANOSECONDS = 1e9;

    /** Copies what it is given. */
    public DiffOutcome {
        explained = Map.copyOf(explained);
        once = List.copyOf(once);
    }

    /** In seconds. */
    public double seconds() {
        return time.toNanos() / NANOSECONDS;
    }

    /** Calls a second, on both kernels together. */
    public double rate() {
        return calls / Math.max(seconds(), Double.MIN_NORMAL);
    }
}
