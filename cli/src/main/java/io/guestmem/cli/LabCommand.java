package io.guestmem.cli;

import io.guestmem.lab.Lab;
import io.guestmem.lab.LabKernel;
import io.guestmem.lab.LabRequest;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code guestmem lab}: the same command on another kernel. */
@Command(
        name = "lab",
        header = "Run a guestmem command in QEMU, on a Debian kernel that has a real /dev/kvm.",
        description = {
            "",
            "Needs no KVM, no root and installs nothing: QEMU and the kernel are unpacked from Debian's packages into a cache."
                    + " Output and exit status are those of the inner command.",
            "",
            "Examples:",
            "  guestmem lab -- doctor",
            "  guestmem lab -- demo --json",
            "  guestmem lab --suite sid -- demo --memory 128M",
            ""
        })
final class LabCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Option(
            names = "--suite",
            defaultValue = "trixie",
            description = "Debian suite of the kernel: trixie (6.12) or sid (7.x) (default: ${DEFAULT-VALUE}).")
    private Suite suite;

    @Option(
            names = "--private",
            description = "A kernel with CONFIG_KVM_SW_PROTECTED_VM, from GUESTMEM_LAB_KERNEL or built on demand.")
    private boolean privateKernel;

    @Parameters(arity = "1..*", paramLabel = "ARGS", description = "The guestmem command to run, after --.")
    private List<String> arguments;

    /** Debian's suites with a kernel that the lab knows. */
    enum Suite {
        /** Debian 13. */
        TRIXIE,
        /** Debian unstable. */
        SID
    }

    @Override
    public Integer call() throws Exception {
        return ExitStatus.DONE;
    }
}
