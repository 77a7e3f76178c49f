package io.guestmem.measure;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where two launches differ. States are not compared: they differ from the first difference on.
 *
 * @param kind how
 * @param index of the step in the log where it stands: the second one's for what only that has
 * @param left the step of the first launch
 * @param right the step of the second launch
 */
public record StepDifference(Kind kind, int index, Optional<LoggedStep> left, Optional<LoggedStep> right) {
    /** How two launches differ. */
    public enum Kind {
        /** The same page, with another type or other contents. */
        CHANGED,
        /** Only the first launch has the step. */
        REMOVED,
        /** Only the second launch has the step. */
        ADDED,
        /** The same step comes at another time. */
        MOVED
    }

    private record Place(String type, long gpa, long size) {
        static Place of(LoggedStep step) {
            return new Place(step.type(), step.gpa(), step.size());
        }
    }

    /** The differences, in the order of the steps; none if both launches give the same digest. */
    public static List<StepDifference> between(List<LoggedStep> left, List<LoggedStep> right) {
        int same = 0;
        int least = Math.min(left.size(), right.size());
        while (same < least && same(left.get(same), right.get(same))) {
            same++;
        }
        int tail = 0;
        while (tail < least - same && same(left.get(left.size() - 1 - tail), right.get(right.size() - 1 - tail))) {
            tail++;
        }
        return middle(left, right, same, left.size() - tail, right.size() - tail);
    }

    private static boolean same(LoggedStep left, LoggedStep right) {
        return Place.of(left).equals(Place.of(right)) && left.contents().equals(right.contents());
    }

    private static List<StepDifference> middle(
            List<LoggedStep> left, List<LoggedStep> right, int from, int leftEnd, int rightEnd) {
        Map<Place, Deque<Integer>> places = new HashMap<>();
        for (int i = from; i < rightEnd; i++) {
            places.computeIfAbsent(Place.of(right.get(i)), _ -> new ArrayDeque<>())
                    .add(i);
        }
        List<StepDifference> differences = new ArrayList<>();
        List<Integer> unmatched = new ArrayList<>();
        int last = from - 1;
        for (int i = from; i < leftEnd; i++) {
            LoggedStep step = left.get(i);
            Deque<Integer> matches = places.getOrDefault(Place.of(step), new ArrayDeque<>());
            if (matches.isEmpty()) {
                unmatched.add(i);
                continue;
            }
            int match = matches.remove();
            LoggedStep other = right.get(match);
            if (!same(step, other)) {
                differences.add(new StepDifference(Kind.CHANGED, i, Optional.of(step), Optional.of(other)));
            } else if (match < last) {
                differences.add(new StepDifference(Kind.MOVED, i, Optional.of(step), Optional.of(other)));
            }
            last = Math.max(last, match);
        }
        rest(left, right, unmatched, places, differences);
        differences.sort(Comparator.comparingInt(StepDifference::index));
        return differences;
    }

    /** Steps that nothing matches: the same page with another type, or a page that only one launch has. */
    private static void rest(
            List<LoggedStep> left,
            List<LoggedStep> right,
            List<Integer> unmatched,
            Map<Place, Deque<Integer>> places,
            List<StepDifference> differences) {
        Map<Long, Deque<Integer>> pages = new HashMap<>();
        places.values().stream()
                .flatMap(Deque::stream)
                .sorted()
                .forEach(i -> pages.computeIfAbsent(right.get(i).gpa(), _ -> new ArrayDeque<>())
                        .add(i));
        for (int i : unmatched) {
            LoggedStep step = left.get(i);
            Optional<LoggedStep> other = Optional.ofNullable(
                            pages.getOrDefault(step.gpa(), new ArrayDeque<>()).poll())
                    .map(right::get);
            Kind kind = other.isPresent() ? Kind.CHANGED : Kind.REMOVED;
            differences.add(new StepDifference(kind, i, Optional.of(step), other));
        }
        pages.values().stream()
                .flatMap(Deque::stream)
                .forEach(i -> differences.add(
                        new StepDifference(Kind.ADDED, i, Optional.empty(), Optional.of(right.get(i)))));
    }
}
