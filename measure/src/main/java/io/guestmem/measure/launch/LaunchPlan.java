package io.guestmem.measure.launch;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.Measurement;
import io.guestmem.measure.Technology;
import java.util.List;

/** What a VMM does with some firmware: the steps of the launch, or the reason why it never launches. */
public sealed interface LaunchPlan {
    /** The technology of the launch. */
    Technology technology();

    /**
     * It launches.
     *
     * @param steps in order
     */
    record Launches(Technology technology, List<LaunchStep> steps) implements LaunchPlan {
        /** Keeps its own copy. */
        public Launches {
            steps = List.copyOf(steps);
        }

        /** A measurement of all its steps. */
        public Measurement measure() {
            Measurement measurement = Measurement.of(technology);
            steps.forEach(measurement::apply);
            return measurement;
        }
    }

    /**
     * It never launches, so that there is no digest.
     *
     * @param reason one sentence without a full stop; of broken firmware it names the field and its offset
     */
    record Refused(Technology technology, String reason) implements LaunchPlan {}
}
