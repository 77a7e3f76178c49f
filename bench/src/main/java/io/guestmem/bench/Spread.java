package io.guestmem.bench;

import java.util.Arrays;
import java.util.Locale;

/**
 * The figures of one side over the rounds.
 *
 * @param least the smallest
 * @param median the middle one, or the mean of the two middle ones
 * @param most the largest
 */
record Spread(double least, double median, double most) {
    static Spread of(double... rounds) {
        double[] sorted = rounds.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        double median = sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(sorted[0], median, sorted[sorted.length - 1]);
    }

    /** As in {@code 195.6 / 197.5 / 202.1}: least, median, most. */
    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%.4g / %.4g / %.4g", least, median, most);
    }
}
