package io.guestmem.shell;

import static org.junit.jupiter.api.Assumptions.abort;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.kvm.LinuxKernel;

/** The kernel of this host, for tests that need a real one. */
final class HostKernel {
    private HostKernel() {}

    /** The kernel; aborts the test with the reason if there is no KVM. */
    static Kernel get() {
        LinuxKernel kernel = new LinuxKernel();
        try {
            kernel.open().close();
        } catch (KernelUnavailableException unavailable) {
            abort("no KVM here: " + unavailable.getMessage());
        }
        return kernel;
    }
}
