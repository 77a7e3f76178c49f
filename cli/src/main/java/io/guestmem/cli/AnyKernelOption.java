package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.soft.SeededSchedule;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import picocli.CommandLine.Option;

/** Which kernel answers: the real one or the software kernel. */
final class AnyKernelOption {
    private static final int SCHEDULED_RETRIES = 10_000;

    @Option(
            names = "--kernel",
            paramLabel = "KERNEL",
            defaultValue = "auto",
            description =
                    "linux, soft, or auto: /dev/kvm if it opens, else the software kernel (default: ${DEFAULT-VALUE}).")
    private Choice choice = Choice.AUTO;

    /** The kernels that there are. */
    enum Choice {
        /** {@code /dev/kvm}. */
        LINUX,
        /** The software kernel, embedded in this process. */
        SOFT,
        /** The first of them that there is. */
        AUTO
    }

    /** Whether the software kernel was chosen. */
    boolean isSoft() {
        return switch (choice) {
            case LINUX -> false;
            case SOFT -> true;
            case AUTO -> !isThere(new LinuxKernel());
        };
    }

    /** The chosen kernel; a software kernel is a new one at each call. */
    Kernel kernel() {
        return isSoft() ? new SoftKernel(SoftKernelOptions.defaults()) : new LinuxKernel();
    }

    /**
     * The chosen kernel; on the software kernel a schedule runs threads, where it is asked to. Each retry of a pre-fault is a turn
     * then, so that the watchdog comes sooner.
     */
    Kernel kernel(SeededSchedule schedule) {
        SoftKernelOptions options = SoftKernelOptions.defaults()
                .with()
                .preFaultRetries(SCHEDULED_RETRIES)
                .build();
        return isSoft() ? new SoftKernel(options, schedule, null) : new LinuxKernel();
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
