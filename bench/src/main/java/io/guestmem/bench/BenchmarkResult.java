package io.guestmem.bench;

import java.util.List;

/**
 * How a benchmark went.
 *
 * @param name the benchmark's
 * @param value our figure; the note says whether it is the median or the best of the rounds
 * @param unit of both figures: {@code ns} a call, {@code GiB/s}, {@code s} and so on
 * @param baseline the figure of the bare side over the same rounds, positive
 * @param bounds what the project promises, at least one
 * @param note how it was measured: rounds, spread, and what else matters for reading the figures
 */
public record BenchmarkResult(
        String name, double value, String unit, double baseline, List<Bound> bounds, String note) {
    /** Refuses a baseline that nothing can be divided by, and a result without a bound. */
    public BenchmarkResult {
        bounds = List.copyOf(bounds);
        if (bounds.isEmpty()) {
            throw new IllegalArgumentException("no bound");
        }
        if (!(baseline > 0)) {
            throw new IllegalArgumentException("not a baseline: " + baseline);
        }
    }

    /** Our figure divided by the baseline's. */
    public double ratio() {
        return value / baseline;
    }

    /** Whether every bound holds. */
    public boolean met() {
        return bounds.stream().allMatch(bound -> bound.met(value, ratio()));
    }
}
