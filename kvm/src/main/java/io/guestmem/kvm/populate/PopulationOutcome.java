package io.guestmem.kvm.populate;

import io.guestmem.kvm.populate.StopReason.Kind;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * How a plan ended.
 *
 * @param steps an outcome for each step, in the order of the plan
 * @param elapsed how long it took
 * @param threads how many threads worked on it
 */
public record PopulationOutcome(List<StepOutcome> steps, Duration elapsed, int threads) {
    private static final Set<Kind> MISTAKES = EnumSet.of(Kind.MALFORMED, Kind.OVERLAPS);

    /** Copies the list. */
    public PopulationOutcome {
        steps = List.copyOf(steps);
    }

    /** Whether every step is done. */
    public boolean isComplete() {
        return steps.stream().allMatch(StepOutcome.Done.class::isInstance);
    }

    /** Bytes that need nothing any more. */
    public long done() {
        return steps.stream().mapToLong(StepOutcome::done).sum();
    }

    /**
     * What is left, to be run when the reasons are gone; empty if all is done. A step that is a mistake of the plan, malformed or
     * overlapping an earlier one, is not in it: it would put other content over what the earlier step has put there.
     */
    public PopulationPlan left() {
        return new PopulationPlan(steps.stream()
                .flatMap(outcome -> switch (outcome) {
                    case StepOutcome.Done _ -> Stream.empty();
                    case StepOutcome.PartlyDone part -> part.left().stream();
                    case StepOutcome.Refused refused
                    when MISTAKES.contains(refused.reason().kind()) -> Stream.empty();
                    case StepOutcome.Refused refused -> Stream.of(refused.step());
                })
                .toList());
    }
}
