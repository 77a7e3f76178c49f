package io.guestmem.bench;

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
        for (int round = 0; round < settings.warmUps(); round++) {
            ours.measure();
            baseline.measure();
        }
        double[] figures = new double[settings.rounds()];
        double[] baselines = new double[settings.rounds()];
        for (int round = 0; round < settings.rounds(); round++) {
            figures[round] = ours.measure();
            baselines[round] = baseline.measure();
        }
        return new SideBySide(Spread.of(figures), Spread.of(baselines));
    }

    /** The medians as a result. */
    BenchmarkResult medians(String name, String unit, Bound bound, BenchmarkSettings settings, String remark) {
        String note = note("medians", settings, remark);
        return new BenchmarkResult(name, ours.median(), unit, baseline.median(), bound, note);
    }

    /** The fastest round of each side as a result, for figures of which more is better. */
    BenchmarkResult most(String name, String unit, Bound bound, BenchmarkSettings settings, String remark) {
        String note = note("best", settings, remark);
        return new BenchmarkResult(name, ours.most(), unit, baseline.most(), bound, note);
    }

    private String note(String which, BenchmarkSettings settings, String remark) {
        return remark + "; " + which + " of " + settings.rounds() + " rounds; least / median / most: " + ours
                + ", baseline " + baseline;
    }
}
