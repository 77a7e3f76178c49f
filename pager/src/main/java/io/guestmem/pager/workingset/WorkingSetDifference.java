package io.guestmem.pager.workingset;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * What one working set has and another has not.
 *
 * @param added pages of the newer one only, by their place in the memory file
 * @param removed pages of the older one only
 * @param reordered pages of both that come earlier or later among the others than they did: the fewest that can be said to have
 *     moved
 * @param common pages of both
 */
public record WorkingSetDifference(
        List<ReplayOrder.Span> added, List<ReplayOrder.Span> removed, List<ReplayOrder.Span> reordered, long common) {
    /** Copies the lists. */
    public WorkingSetDifference {
        added = List.copyOf(added);
        removed = List.copyOf(removed);
        reordered = List.copyOf(reordered);
    }

    /**
     * Compares two sets, in pages of the newer one.
     *
     * @throws WorkingSetException if they are not of one memory layout
     */
    public static WorkingSetDifference between(WorkingSet older, WorkingSet newer) {
        Optional<String> difference = older.memory().difference(newer.memory());
        if (difference.isPresent()) {
            throw new WorkingSetException("they cannot be compared: " + difference.get());
        }
        MemoryRegions memory = newer.memory();
        long[] before = pages(older.withPageSize(memory.pageSize()));
        long[] after = pages(newer);
        Map<Long, Integer> places = new HashMap<>();
        for (int i = 0; i < before.length; i++) {
            places.put(before[i], i);
        }
        List<ReplayOrder.Span> added = new ArrayList<>();
        int[] order = new int[after.length];
        int common = 0;
        for (long page : after) {
            Integer place = places.remove(page);
            if (place == null) {
                added.add(span(page));
            } else {
                order[common++] = place;
            }
        }
        List<ReplayOrder.Span> removed =
                places.keySet().stream().map(WorkingSetDifference::span).toList();
        List<ReplayOrder.Span> moved = moved(Arrays.copyOf(order, common), before);
        return new WorkingSetDifference(
                ReplayOrder.joined(added, memory),
                ReplayOrder.joined(removed, memory),
                ReplayOrder.joined(moved, memory),
                common);
    }

    /** Whether both have the same pages in the same order. */
    public boolean isEmpty() {
        return added.isEmpty() && removed.isEmpty() && reordered.isEmpty();
    }

    /** How many pages some runs have. */
    public static long pages(List<ReplayOrder.Span> spans) {
        return spans.stream().mapToLong(ReplayOrder.Span::pages).sum();
    }

    private static ReplayOrder.Span span(long page) {
        return new ReplayOrder.Span(page, 1, 0);
    }

    private static long[] pages(WorkingSet set) {
        return set.order().stream()
                .flatMapToLong(run -> LongStream.range(run.page(), run.end()))
                .toArray();
    }

    /** What is not of the longest sequence that is still in order. */
    private static List<ReplayOrder.Span> moved(int[] order, long[] before) {
        int[] tails = new int[order.length];
        int[] previous = new int[order.length];
        int length = 0;
        for (int i = 0; i < order.length; i++) {
            int low = 0;
            int high = length;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (order[tails[middle]] < order[i]) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            previous[i] = low == 0 ? -1 : tails[low - 1];
            tails[low] = i;
            length = Math.max(length, low + 1);
        }
        boolean[] kept = new boolean[order.length];
        for (int i = length == 0 ? -1 : tails[length - 1]; i >= 0; i = previous[i]) {
            kept[i] = true;
        }
        List<ReplayOrder.Span> moved = new ArrayList<>();
        for (int i = 0; i < order.length; i++) {
            if (!kept[i]) {
                moved.add(span(before[order[i]]));
            }
        }
        return moved;
    }
}
