package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import picocli.CommandLine.Option;

/** Which kernel answers: the real one or the software kernel. */
final class AnyKernelOption {
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

    private static boolean isThere(Kernel kernel) {
        try {
            kernel.open().close();
            return true;
        } catch (KernelUnavailableException _) {
            return false;
        }
    }
}
