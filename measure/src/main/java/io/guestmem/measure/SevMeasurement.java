package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The launch digest of SEV and SEV-ES: the SHA-256 of one stream, in the order of the calls (AMD SEV API, 6.1 and
 * {@code LAUNCH_UPDATE_DATA}, {@code LAUNCH_UPDATE_VMSA}). Addresses are not measured.
 */
public final class SevMeasurement implements Measurement {
    private final Technology technology;
    private final MessageDigest digest;
    private long steps;
    private @Nullable Consumer<LoggedStep> log;

    /**
     * A measurement that has seen nothing.
     *
     * @param technology {@link Technology#SEV} or {@link Technology#SEV_ES}
     */
    public SevMeasurement(Technology technology) {
        this(technology, Hashes.sha256(), 0);
    }

    private SevMeasurement(Technology technology, MessageDigest digest, long steps) {
        if (technology != Technology.SEV && technology != Technology.SEV_ES) {
            throw new IllegalArgumentException("not a stream: " + technology);
        }
        this.technology = technology;
        this.digest = digest;
        this.steps = steps;
    }

    @Override
    public Technology technology() {
        return technology;
    }

    @Override
    public void apply(LaunchStep step) {
        String type = switch (step) {
            case LaunchStep.SevData _ -> "UPDATE_DATA";
            case LaunchStep.SevVmsa _ when technology == Technology.SEV_ES -> "UPDATE_VMSA";
            default -> throw new IllegalArgumentException(technology + " has no step " + step);
        };
        Hashes.update(digest, step.contents());
        steps++;
        if (log != null) {
            MessageDigest contents = Hashes.sha256();
            Hashes.update(contents, step.contents());
            HexFormat hex = HexFormat.of();
            log.accept(new LoggedStep(
                    type,
                    step.gpa(),
                    step.size(),
                    hex.formatHex(contents.digest()),
                    hex.formatHex(digest()),
                    step.what()));
        }
    }

    @Override
    public byte[] digest() {
        return Hashes.copy(digest).digest();
    }

    @Override
    public long steps() {
        return steps;
    }

    @Override
    public SevMeasurement checkpoint() {
        return new SevMeasurement(technology, Hashes.copy(digest), steps);
    }

    @Override
    public void logTo(@Nullable Consumer<LoggedStep> log) {
        this.log = log;
    }
}
