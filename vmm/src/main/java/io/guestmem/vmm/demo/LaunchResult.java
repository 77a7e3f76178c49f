package io.guestmem.vmm.demo;

import io.guestmem.abi.VmType;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What came of a launch.
 *
 * @param kernel the kernel's name, {@code linux} or {@code soft}
 * @param simulated whether kernel, processor and firmware are a model
 * @param vmType of the VM
 * @param source what the memory was filled from
 * @param steps in the order of the plan, without those that end the launch
 * @param moments in order
 * @param refused the command that ended the launch early, if one did
 * @param verdict about the measurement
 * @param seconds from the first command to the last one
 */
public record LaunchResult(
        String kernel,
        boolean simulated,
        VmType vmType,
        String source,
        List<Step> steps,
        List<Moment> moments,
        Optional<String> refused,
        Verdict verdict,
        double seconds) {
    /** Copies the lists. */
    public LaunchResult {
        steps = List.copyOf(steps);
        moments = List.copyOf(moments);
    }

    /**
     * A range of memory on its way into the guest.
     *
     * @param command that gave it, with the type of its pages
     * @param what it is
     * @param gpa of the first byte
     * @param size in bytes
     * @param done bytes that the guest has now
     * @param measured {@code content} or {@code place}
     * @param refusal why it stopped; empty if it is done
     */
    public record Step(
            String command, String what, long gpa, long size, long done, String measured, Optional<String> refusal) {}

    /**
     * The pages at a moment.
     *
     * @param when {@code before population}, {@code before finish}, {@code after finish}
     * @param pages how many there are in each state of the reverse map table (SNP) or the secure EPT (TDX), or are encrypted (SEV);
     *     empty where the host does not see it
     * @param preFaulted bytes that {@code KVM_PRE_FAULT_MEMORY} maps then
     * @param refusal why it does not map all
     */
    public record Moment(String when, Map<String, Long> pages, long preFaulted, Optional<String> refusal) {
        /** Copies the map, sorted. */
        public Moment {
            pages = Map.copyOf(new TreeMap<>(pages));
        }
    }

    /**
     * What the kernel measured, and what it should have.
     *
     * @param predicted the digest that {@code measure} computes of the plan, in hexadecimal
     * @param digest the one that the kernel's firmware has accumulated; empty where the host cannot read it
     * @param measurement what {@code LAUNCH_MEASURE} returned: HMAC and nonce; SEV and SEV-ES only
     * @param confirmed whether firmware or owner found the digest to be the predicted one; empty if neither looked
     * @param words how that is known, or why it is not
     */
    public record Verdict(
            String predicted,
            Optional<String> digest,
            Optional<String> measurement,
            Optional<Boolean> confirmed,
            String words) {
        /** Whether nothing contradicts the prediction. */
        public boolean matches() {
            return digest.map(predicted::equals).orElse(true) && confirmed.orElse(true);
        }
    }

    /** Whether everything was done and nothing contradicts the prediction. */
    public boolean ok() {
        return refused.isEmpty()
                && steps.stream().allMatch(step -> step.refusal().isEmpty())
                && verdict.matches();
    }
}
