package io.guestmem.pager.workingset;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How working sets of several runs become one.
 *
 * <p>Each set weighs as many runs as it was made of, and half of that for every {@code halfLife} sets that are newer. A page is kept
 * if the share of the runs that touched it, of those that know about it, is {@code atLeast} of all; a page of which no run knows
 * (it was always installed ahead) is kept. Its place is the mean of its places among the pages that
 * were demanded, in the runs that demanded it.
 *
 * @param atLeast how many runs must have touched a page, from 1 to the number of all
 * @param halfLife after how many newer files a file counts half; 0 for never
 * @param mostBytes of the result: the pages with the greatest shares are kept, and of equal ones those that come first; 0 for all
 * @param pageSize of the result in bytes; 0 for that of the newest file
 */
public record WorkingSetMerge(int atLeast, double halfLife, long mostBytes, long pageSize) {
    /** Shares are made of whole units of runs. */
    private static final double ROUNDING = 0.5 / PageRun.ONE;

    /** Checks the ranges. */
    public WorkingSetMerge {
        if (atLeast < 1) {
            throw new IllegalArgumentException("a page must have been touched in one run at least, not in " + atLeast);
        }
        if (!(halfLife >= 0) || Double.isInfinite(halfLife)) {
            throw new IllegalArgumentException("a half-life of " + halfLife + " files");
        }
        if (mostBytes < 0 || pageSize < 0) {
            throw new IllegalArgumentException("a negative size");
        }
    }

    /** How many runs half of all are, rounded up. */
    public static int half(List<WorkingSet> sets) {
        return (int) Math.max(1, Math.ceil(runs(sets) / 2));
    }

    private static double runs(List<WorkingSet> sets) {
        return sets.stream().mapToDouble(WorkingSet::runs).sum() / PageRun.ONE;
    }

    /** What is known of one page. */
    private static final class Tally {
        final long page;
        double seen;

        /** Of the runs that have it: whether they know of its use. */
        double observed;

        /** Weight of the files that have it. */
        double present;

        double places;
        double micros;
        double placed;
        double written;
        double lastPlace;
        double lastMicros;

        Tally(long page) {
            this.page = page;
        }

        double place() {
            return placed == 0 ? lastPlace : places / placed;
        }
    }

    /**
     * Merges.
     *
     * @param sets from the oldest to the newest
     * @throws WorkingSetException if they are not of one memory layout; says which one is not
     * @throws IllegalArgumentException if they are of fewer runs than {@code atLeast}, or no whole pages of {@code pageSize}
     */
    public WorkingSet merge(List<WorkingSet> sets) {
        double runs = runs(sets);
        if (runs < atLeast) {
            throw new IllegalArgumentException(
                    "no page was touched in " + atLeast + " runs, as there are " + Math.round(runs * 100) / 100.0);
        }
        WorkingSet newest = sets.getLast();
        MemoryRegions memory =
                newest.memory().withPageSize(pageSize == 0 ? newest.memory().pageSize() : pageSize);
        Map<Long, Tally> tallies = new LinkedHashMap<>();
        double weight = 0;
        for (int i = 0; i < sets.size(); i++) {
            Optional<String> difference = sets.get(i).memory().difference(memory);
            if (difference.isPresent()) {
                throw new WorkingSetException("set " + (i + 1) + " of " + sets.size() + ": " + difference.get());
            }
            double factor = halfLife == 0 ? 1 : Math.pow(0.5, (sets.size() - 1 - i) / halfLife);
            WorkingSet set = sets.get(i).withPageSize(memory.pageSize());
            weight += factor * set.runs();
            add(tallies, set, factor);
        }
        return new WorkingSet(
                memory,
                newest.snapshot(),
                units(weight),
                runs(kept(tallies, weight, atLeast / runs, memory.pageSize()), memory, weight));
    }

    private static void add(Map<Long, Tally> tallies, WorkingSet set, double factor) {
        long seenPages = set.order().stream()
                .filter(run -> run.seen() > 0)
                .mapToLong(PageRun::pages)
                .sum();
        long seenBefore = 0;
        long others = 0;
        for (PageRun run : set.order()) {
            // Among those that were demanded: a page that was held back is as late among these as among all.
            boolean known = run.seen() > 0;
            for (long page = run.page(); page < run.end(); page++) {
                double place =
                        known ? (double) seenBefore++ / seenPages : (double) others++ / (set.pages() - seenPages);
                Tally tally = tallies.computeIfAbsent(page, Tally::new);
                double seen = factor * run.seen();
                tally.seen += seen;
                tally.observed += factor * run.observed();
                tally.present += factor * set.runs();
                tally.places += seen * place;
                tally.micros += seen * run.micros();
                tally.placed += seen;
                tally.written += run.touch() == Touch.WRITE ? seen : 0;
                tally.lastPlace = place;
                tally.lastMicros = run.micros();
            }
        }
    }

    private List<Tally> kept(Map<Long, Tally> tallies, double weight, double least, long size) {
        List<Tally> kept = new ArrayList<>();
        for (Tally tally : tallies.values()) {
            if (share(tally, weight) >= least - ROUNDING) {
                kept.add(tally);
            }
        }
        if (mostBytes > 0) {
            long most = mostBytes / size;
            kept.sort(Comparator.comparingDouble((Tally tally) -> -share(tally, weight))
                    .thenComparingDouble(Tally::place));
            kept = kept.subList(0, (int) Math.min(kept.size(), most));
        }
        return kept;
    }

    /** A file that does not have a page has seen that it is not touched. */
    private static double observed(Tally tally, double weight) {
        return tally.observed + (weight - tally.present);
    }

    private static double share(Tally tally, double weight) {
        double observed = observed(tally, weight);
        return observed <= 0 ? 1 : tally.seen / observed;
    }

    private static List<PageRun> runs(List<Tally> kept, MemoryRegions memory, double weight) {
        RunList runs = new RunList(memory);
        kept.stream()
                .sorted(Comparator.comparingDouble(Tally::place).thenComparingLong(tally -> tally.page))
                .forEach(tally -> {
                    boolean known = tally.placed > 0;
                    Touch touch = tally.written * 2 >= tally.placed ? Touch.WRITE : Touch.READ;
                    int seen = units(tally.seen);
                    runs.add(
                            tally.page,
                            known ? touch : Touch.AHEAD,
                            Math.round(known ? tally.micros / tally.placed : tally.lastMicros),
                            seen,
                            Math.max(seen, units(observed(tally, weight))));
                });
        return runs.runs();
    }

    private static int units(double weight) {
        return (int) Math.min(Integer.MAX_VALUE, Math.max(0, Math.round(weight)));
    }
}
