package io.guestmem.bench;

import java.util.Arrays;
import java.util.List;

/**
 * Two sides measured in turns: ours, baseline, ours, baseline, ...
 *
 * @param ours the figures of our side
 * @param baseline the figures of the bare side
 */
record SideBySide(Spread ours, Spread baseline) {
    /** One side: does its work once and says how it went. */
    interface Side {
        /** The figure of one round. */
        double measure();
    }

    /** Lets both sides take turns, first in rounds that do not count. */
    static SideBySide measure(Side ours, Side baseline, BenchmarkSettings settings) {
        List<Spread> spreads = turns(List.of(ours, baseline), settings);
        return new SideBySide(spreads.getFirst(), spreads.getLast());
    }

    /** Lets any number of sides take turns, first in rounds that do not count: their figures, in the order of the sides. */
    static List<Spread> turns(List<Side> sides, BenchmarkSettings settings) {
        double[][] figures = new double[sides.size()][settings.rounds()];
        for (int round = -settings.warmUps(); round < settings.rounds(); round++) {
            for (int side = 0; side < sides.size(); side++) {
                double figure = sides.get(side).measure();
                if (round >= 0) {
                    figures[side][round] = figure;
                }
            }
        }
        return Arrays.stream(figures).map(Spread::of).toList();
    }

    /** The medians as a result. */
    BenchmarkResult medians(String name, String unit, List<Bound> bounds, BenchmarkSettings settings, String remark) {
        String note = note("medians", settings, remark);
        return new BenchmarkResult(name, ours.median(), unit, baseline.median(), bounds, note);
    }

    /** The fastest round of each side as a result, for figures of which more is better. */
    BenchmarkResult most(String name, String unit, List<Bound> bounds, BenchmarkSettings settings, String remark) {
        String note = note("best", settings, remark);
        return new BenchmarkResult(name, ours.most(), unit, baseline.most(), bounds, note);
    }

    /** The quickest round of each side as a result, for figures of which less is better. */
    BenchmarkResult least(String name, String unit, List<Bound> bounds, BenchmarkSettings settings, String remark) {
        String note = note("best", settings, remark);
        return new BenchmarkResult(name, ours.least(), unit, baseline.least(), bounds, note);
    }

    private String note(String which, BenchmarkSettings settings, String remark) {
        return remark + "; " + which + " of " + settings.rounds() + " rounds; least / median / most: " + ours
                + ", baseline " + baseline;
    }
}
