package io.guestmem.bench;

/**
 * How a benchmark went.
 *
 * @param name the benchmark's
 * @param value our figure; the note says whether it is the median or the best of the rounds
 * @param unit of both figures: {@code ns} a call, {@code GiB/s} or {@code s}
 * @param baseline the figure of the bare side over the same rounds, positive
 * @param bound what the project promises
 * @param note how it was measured: rounds, spread, and what else matters for reading the figures
 */
public record BenchmarkResult(String name, double value, String unit, double baseline, Bound bound, String note) {
    /** Refuses a baseline that nothing can be divided by. */
    public BenchmarkResult {
        if (!(baseline > 0)) {
            throw new IllegalArgumentException("not a baseline: " + baseline);
        }
    }

    /** Our figure divided by the baseline's. */
    public double ratio() {
        return value / baseline;
    }

    /** Whether the bound holds. */
    public boolean met() {
        return bound.met(value, ratio());
    }
}
