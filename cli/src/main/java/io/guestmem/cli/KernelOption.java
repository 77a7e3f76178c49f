package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.kvm.LinuxKernel;
import picocli.CommandLine.Option;

/** Which kernel answers. */
final class KernelOption {
    @Option(
            names = "--kernel",
            paramLabel = "KERNEL",
            defaultValue = "auto",
            description = "linux, or auto, which is the same so far (default: ${DEFAULT-VALUE}).")
    private Choice choice = Choice.AUTO;

    /** The kernels that there are. */
    enum Choice {
        /** {@code /dev/kvm}. */
        LINUX,
        /** {@code /dev/kvm}, the only one so far. */
        AUTO
    }

    Kernel kernel() {
        return switch (choice) {
            case LINUX, AUTO -> new LinuxKernel();
        };
    }
}
