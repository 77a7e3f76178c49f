package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import java.util.List;
import java.util.Set;

/** How a step ended. */
public sealed interface StepOutcome {
    /** The step. */
    PopulationStep step();

    /** Bytes of its range that need nothing any more. */
    long done();

    /**
     * All of it is done, but for what this kernel cannot do.
     *
     * @param shortfalls what it cannot
     */
    record Done(PopulationStep step, Set<Shortfall> shortfalls) implements StepOutcome {
        /** Copies the set. */
        public Done {
            shortfalls = Set.copyOf(shortfalls);
        }

        @Override
        public long done() {
            return step.range().size();
        }
    }

    /**
     * A part of it is done.
     *
     * @param done bytes that need nothing any more, 0 if content is there but nothing is mapped
     * @param left what remains: ascending; content that is there already is only to be mapped
     * @param reason why it stopped
     * @param shortfalls what this kernel could not do for the part that is done
     */
    record PartlyDone(
            PopulationStep step, long done, List<PopulationStep> left, StopReason reason, Set<Shortfall> shortfalls)
            implements StepOutcome {
        /** Copies the collections. */
        public PartlyDone {
            left = List.copyOf(left);
            shortfalls = Set.copyOf(shortfalls);
        }

        /** Everything before this address is done. */
        public GuestPhysical upTo() {
            return left.getFirst().range().start();
        }
    }

    /**
     * Nothing of it is done.
     *
     * @param reason why
     */
    record Refused(PopulationStep step, StopReason reason) implements StepOutcome {
        @Override
        public long done() {
            return 0;
        }
    }
}
