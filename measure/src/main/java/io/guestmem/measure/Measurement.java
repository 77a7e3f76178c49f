package io.guestmem.measure;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A running launch measurement: the digest of everything that was populated so far. Not thread-safe; {@link #checkpoint} gives
 * each thread its own.
 */
public sealed interface Measurement permits SevMeasurement, SnpMeasurement, TdxMeasurement {
    /** What it measures. */
    Technology technology();

    /**
     * Measures a step.
     *
     * @throws IllegalArgumentException if the step belongs to another technology
     */
    void apply(LaunchStep step);

    /** The digest as if the launch ended here; the measurement can go on. */
    byte[] digest();

    /** How many steps were measured: one for each line of a log. */
    long steps();

    /** An independent measurement in the same state, without a log: one firmware, many numbers of vCPUs. */
    Measurement checkpoint();

    /**
     * Tells about every step from here on. A log costs one more hash for each step.
     *
     * @param log null to stop
     */
    void logTo(@Nullable Consumer<LoggedStep> log);

    /** A measurement that has seen nothing. */
    static Measurement of(Technology technology) {
        return switch (technology) {
            case SEV, SEV_ES -> new SevMeasurement(technology);
            case SNP -> new SnpMeasurement();
            case TDX -> new TdxMeasurement();
        };
    }
}
