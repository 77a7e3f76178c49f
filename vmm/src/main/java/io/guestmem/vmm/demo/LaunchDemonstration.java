package io.guestmem.vmm.demo;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.launch.CommandResult;
import io.guestmem.kvm.launch.SevDevice;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.linux.LinuxException;
import io.guestmem.measure.LaunchMeasurement;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.vmm.demo.ConfidentialLaunch.Finish;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * The launch of a confidential guest, with the commands that a VMM makes, on any kernel: memory gets in and is measured, and the
 * measurement is compared with the one that {@code measure} predicts of the same plan. The guest does not run. Not thread-safe.
 *
 * <p>Who compares depends on the technology. SNP's firmware does it itself, with an ID block; SEV's gives an HMAC to the owner, who
 * exists on a simulated host only; a TD's measurement is in its own reports. A simulated firmware also shows the digest.
 */
public final class LaunchDemonstration {
    private static final double NANOS = 1e9;
    private static final HexFormat HEX = HexFormat.of();

    private final Kernel kernel;
    private final VmType type;
    private final DemoHost host;

    /**
     * Prepares it.
     *
     * @param kernel the real kernel of this host, or a software kernel
     * @param type SEV, SEV_ES, SNP or TDX
     * @throws IllegalArgumentException for another type
     */
    public LaunchDemonstration(Kernel kernel, VmType type) {
        if (!isFor(type)) {
            throw new IllegalArgumentException("not launched: " + type);
        }
        this.kernel = kernel;
        this.type = type;
        this.host = DemoHost.of(kernel);
    }

    /** Whether VMs of a type are launched. */
    public static boolean isFor(VmType type) {
        return ConfidentialLaunch.isFor(type);
    }

    /**
     * Why a kernel launches no guest of a type: KVM, the type ({@code KVM_CAP_VM_TYPES}), the security processor. Empty if it does, as
     * far as can be known without trying.
     */
    public static Optional<String> lacking(Kernel kernel, VmType type) {
        try (Kvm kvm = Kvm.open(kernel)) {
            requireType(kvm, type);
            device(kernel, type).close();
            return Optional.empty();
        } catch (KernelException | UnavailableVmTypeException refused) {
            return Optional.of(String.valueOf(refused.getMessage()));
        }
    }

    private static void requireType(Kvm kvm, VmType type) {
        if (!kvm.vmTypes().contains(type)) {
            throw new UnavailableVmTypeException(kvm.kernel().name(), type);
        }
    }

    private static SevDevice device(Kernel kernel, VmType type) {
        try {
            return type == VmType.TDX ? SevDevice.none() : SevDevice.open(kernel);
        } catch (LinuxException absent) {
            throw new UnavailableVmTypeException(kernel.name(), type, absent);
        }
    }

    /**
     * Launches a guest whose memory is a file.
     *
     * @param file cut to the size, or padded with zeroes
     * @param memory bytes, a positive multiple of 4096
     * @throws UnusableImageException if the file cannot be guest memory
     * @throws UnavailableVmTypeException if the kernel makes no VMs of the type, or there is no {@code /dev/sev}
     * @throws KernelException if KVM refuses a command before memory gets in
     */
    public LaunchResult image(Path file, long memory) {
        try (Arena arena = Arena.ofShared();
                GuestImage image = GuestImage.open(file, memory)) {
            MemorySegment content = arena.allocate(memory, LaunchStep.PAGE);
            image.read(0, content);
            return run(LaunchSource.image(type, content), file.toString());
        }
    }

    /**
     * Launches a guest by a plan with one vCPU as QEMU resets it.
     *
     * @param source where the plan is from, for the result
     * @throws PopulationException for a step that no merged kernel has a command for; otherwise as {@link #image}
     */
    public LaunchResult run(LaunchPlan.Launches plan, String source) {
        byte[] predicted = plan.measure().digest();
        try (Kvm kvm = Kvm.open(kernel)) {
            requireType(kvm, type);
            try (SevDevice device = device(kernel, type);
                    LaunchMachine machine = new LaunchMachine(kvm.createVm(type), device)) {
                long start = System.nanoTime();
                machine.begin(plan.steps());
                LaunchResult.Moment empty = moment("before population", machine);
                PopulationOutcome population = machine.populate();
                LaunchResult.Moment before = moment("before finish", machine);
                boolean complete = population.isComplete();
                Finish finish = complete ? machine.launch().finish(predicted) : notFinished();
                boolean finished = finish.result() instanceof CommandResult.Done;
                LaunchResult.Moment after = moment(finished ? "after finish" : "without finish", machine);
                return new LaunchResult(
                        kernel.name(),
                        host.isSimulated(),
                        type,
                        source,
                        machine.steps(population),
                        List.of(empty, before, after),
                        refusal(finish, complete),
                        verdict(machine, predicted, finish),
                        (System.nanoTime() - start) / NANOS);
            }
        }
    }

    private static Finish notFinished() {
        return new Finish(new CommandResult.Done(), Optional.empty(), Optional.empty());
    }

    private static Optional<String> refusal(Finish finish, boolean complete) {
        return switch (finish.result()) {
            case CommandResult.Done _ ->
                complete ? Optional.empty() : Optional.of("not finished: the guest does not have all of its memory");
            case CommandResult.Refused refused -> Optional.of(refused.toString());
        };
    }

    private LaunchResult.Moment moment(String when, LaunchMachine machine) {
        LaunchMachine.Mapped mapped = machine.preFault();
        return new LaunchResult.Moment(when, machine.pages(host), mapped.bytes(), mapped.refusal());
    }

    private LaunchResult.Verdict verdict(LaunchMachine machine, byte[] predicted, Finish finish) {
        Optional<String> digest = host.launch(machine.vm()).map(launch -> launch.digest());
        Optional<Boolean> confirmed = finish.compared()
                .or(() -> finish.measurement().flatMap(measured -> asOwner(machine, predicted, measured)));
        return new LaunchResult.Verdict(
                HEX.formatHex(predicted),
                digest,
                finish.measurement().map(HEX::formatHex),
                confirmed,
                words(confirmed.isPresent()));
    }

    private String words(boolean compared) {
        return switch (type) {
            case SNP ->
                compared
                        ? "the firmware compared its digest with the one in an ID block"
                        : "the firmware was not asked, or refused for another reason";
            case SEV, SEV_ES ->
                compared
                        ? "the HMAC was checked with the integrity key of the simulated owner"
                        : "only the guest's owner, who knows the integrity key, can check the HMAC";
            default -> "on hardware MRTD is in the TD's reports only, which the TD asks for when it runs";
        };
    }

    /** Whether the HMAC is that of the predicted digest; empty where there is no owner. */
    private Optional<Boolean> asOwner(LaunchMachine machine, byte[] predicted, byte[] measured) {
        int hmac = measured.length - LaunchMeasurement.NONCE_SIZE;
        byte[] nonce = Arrays.copyOfRange(measured, hmac, measured.length);
        return host.session(machine.vm())
                .map(session -> new LaunchMeasurement(
                                session.apiMajor(), session.apiMinor(), session.build(), SevGuestLaunch.policy(type))
                        .of(session.integrityKey(), predicted, nonce))
                .map(right -> Arrays.equals(right, measured));
    }
}
