package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SeededSchedule;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.vmm.demo.LaunchDemonstration;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Which kernel answers: the real one or the software kernel. */
final class AnyKernelOption {
    private static final String NAME = "--kernel";
    private static final int SCHEDULED_RETRIES = 10_000;

    private final Argument<Choice> choice;
    private final Argument<KernelVersion> version;
    private final CommandSpec spec;

    AnyKernelOption(CommandSpec spec) {
        this.spec = spec;
        choice = Argument.option(
                spec,
                NAME,
                "KERNEL",
                Choices.of(Choice.class),
                "auto",
                "linux, soft, or auto: /dev/kvm if it opens, else the software kernel (default: ${DEFAULT-VALUE}).");
        version = Argument.option(
                spec,
                "--kernel-version",
                "VERSION",
                Choices.of(KernelVersion.class, KernelVersion::release),
                "The Linux that the software kernel is like: 6.12, 6.18 or 7.2, the default.");
    }

    /** The kernels that there are. */
    enum Choice {
        /** {@code /dev/kvm}. */
        LINUX,
        /** The software kernel, embedded in this process. */
        SOFT,
        /** The first of them that there is. */
        AUTO
    }

    /** Whether a command has this choice. */
    static boolean isIn(CommandLine command) {
        return command.getCommandSpec().findOption(NAME) != null;
    }

    /**
     * What the software kernel is to be like, if it was chosen.
     *
     * @throws ParameterException if a version was chosen, but of the real kernel
     */
    Optional<SoftKernelOptions> soft() {
        boolean isSoft = switch (choice.value()) {
            case LINUX -> false;
            case SOFT -> true;
            case AUTO -> !isThere(new LinuxKernel());
        };
        if (!isSoft && version.isPresent()) {
            throw new ParameterException(
                    spec.commandLine(), "--kernel-version: the real kernel has its own; add --kernel soft");
        }
        SoftKernelOptions defaults = SoftKernelOptions.defaults();
        return isSoft
                ? Optional.of(defaults.with()
                        .kernelVersion(version.or(defaults.kernelVersion()))
                        .build())
                : Optional.empty();
    }

    /** The chosen kernel; a software kernel is a new one at each call. */
    Kernel kernel() {
        return soft().<Kernel>map(SoftKernel::new).orElseGet(LinuxKernel::new);
    }

    /**
     * A kernel for guests of a type.
     *
     * @param instead why it is not the real one, if that was tried
     */
    record Chosen(Kernel kernel, Optional<String> instead) {}

    /**
     * The chosen kernel for confidential guests of a type. {@code auto} is the real one if it can launch them, else a software kernel
     * on a processor that has the type.
     */
    Chosen launching(VmType type) {
        Optional<String> lacking =
                choice.value() == Choice.AUTO ? LaunchDemonstration.lacking(new LinuxKernel(), type) : Optional.empty();
        if (choice.value() == Choice.LINUX || (choice.value() == Choice.AUTO && lacking.isEmpty())) {
            return new Chosen(kernel(), Optional.empty());
        }
        SoftKernelOptions defaults = SoftKernelOptions.defaults();
        SoftKernelOptions options = defaults.with()
                .kernelVersion(version.or(defaults.kernelVersion()))
                .vmTypes(SoftKernelOptions.vmTypesWith(type))
                .build();
        return new Chosen(new SoftKernel(options), lacking);
    }

    /**
     * The chosen kernel; on the software kernel a schedule runs threads, where it is asked to. Each retry of a pre-fault is a turn
     * then, so that the watchdog comes sooner.
     */
    Kernel kernel(SeededSchedule schedule) {
        return soft().<Kernel>map(options -> new SoftKernel(
                        options.with().preFaultRetries(SCHEDULED_RETRIES).build(), schedule, null))
                .orElseGet(LinuxKernel::new);
    }

    private static boolean isThere(Kernel kernel) {
        try {
            kernel.open().close();
            return true;
        } catch (KernelUnavailableException _) {
            return false;
        }
    }
}
