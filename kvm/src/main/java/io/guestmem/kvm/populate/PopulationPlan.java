package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestRange;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Steps to be carried out in the order of their {@link Purpose}s, and within one purpose as they stand here. Immutable.
 *
 * <p>A page belongs to the first step in the list that names it: a later step that overlaps an earlier one is refused as a whole
 * when the plan runs, and says so. A plan without steps is complete at once.
 *
 * @param steps in order
 */
public record PopulationPlan(List<PopulationStep> steps) {
    /** Copies the list. */
    public PopulationPlan {
        steps = List.copyOf(steps);
    }

    /** A plan of steps. */
    public static PopulationPlan of(PopulationStep... steps) {
        return new PopulationPlan(List.of(steps));
    }

    /** Maps everything that is there before the guest boots. */
    public static PopulationPlan preFault(GuestRange... ranges) {
        return new PopulationPlan(
                List.of(ranges).stream().map(PopulationStep::map).toList());
    }

    /**
     * Brings a snapshot back: first what the guest will touch first, then the rest.
     *
     * @param whole range and content of all of it
     * @param workingSet parts of it that do not overlap, in the order in which they are wanted
     * @throws IllegalArgumentException if one of them is not inside the range
     */
    public static PopulationPlan restore(PopulationStep whole, List<GuestRange> workingSet) {
        List<PopulationStep> steps = new ArrayList<>();
        long at = whole.range().start().value();
        long end = at + whole.range().size();
        for (GuestRange part : workingSet) {
            long start = part.start().value();
            if (start < at || start + part.size() > end || part.size() < 0) {
                throw new IllegalArgumentException(part + " is not inside " + whole.range());
            }
            steps.add(whole.part(part).with(Purpose.WORKING_SET));
        }
        List<GuestRange> ascending = new ArrayList<>(workingSet);
        ascending.sort(Comparator.comparing(GuestRange::start));
        ascending.add(GuestRange.of(end, 0));
        for (GuestRange part : ascending) {
            long rest = part.start().value() - at;
            if (rest > 0) {
                steps.add(whole.part(GuestRange.of(at, rest)).with(Purpose.SNAPSHOT));
            }
            at = Math.max(at, part.start().value() + part.size());
        }
        return new PopulationPlan(steps);
    }

    /** The sum of the steps' sizes in bytes. */
    public long bytes() {
        return steps.stream().mapToLong(step -> step.range().size()).sum();
    }
}
