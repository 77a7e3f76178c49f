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
            description = "linux or auto (default: ${DEFAULT-VALUE}). The software kernel is not there yet.")
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
