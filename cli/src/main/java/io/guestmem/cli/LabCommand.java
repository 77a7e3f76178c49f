package io.guestmem.cli;

import io.guestmem.lab.Lab;
import io.guestmem.lab.LabKernel;
import io.guestmem.lab.LabRequest;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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
    private static final String MAIN = "io.guestmem.cli/io.guestmem.cli.Main";

    private static final int MOST_CPUS = 64;
    private static final long MEBIBYTE = 1 << 20;
    private static final long LEAST_MEMORY = 1L << 30;

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

    @Option(
            names = "--cpus",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "CPUs of the machine (default: ${DEFAULT-VALUE}; QEMU's parallel CPUs crash a kernel now and then).")
    private int cpus;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "4G",
            description = "Memory of the machine, at least 1G (default: ${DEFAULT-VALUE}).")
    private ByteSize memory;

    @Option(names = "--refresh", description = "Fetch the newest kernel again.")
    private boolean refresh;

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
        if (cpus < 1 || cpus > MOST_CPUS) {
            throw new ParameterException(spec.commandLine(), "--cpus: " + cpus + " is not 1 to " + MOST_CPUS);
        }
        if (memory.bytes() < LEAST_MEMORY || memory.bytes() % MEBIBYTE != 0) {
            throw new ParameterException(
                    spec.commandLine(), "--memory: " + memory + " is not a multiple of 1 MiB from 1 GiB");
        }
        PrintWriter err = spec.commandLine().getErr();
        LabArguments carried = LabArguments.of(arguments);
        LabRequest request = LabRequest.of(modulePath(), MAIN)
                .withKernel(kernel())
                .withCpus(cpus)
                .withMemoryBytes(memory.bytes())
                .withNativeAccess(
                        Set.of("io.guestmem.linux", "io.guestmem.bench", "io.guestmem.paging", "io.guestmem.soft"))
                .withArguments(carried.arguments())
                .withFiles(carried.files());
        if (carried.outputDirectory().isPresent()) {
            request = request.withOutputDirectory(carried.outputDirectory().get());
        }
        try (ProgressBar bar = new ProgressBar(err, output.progressWanted())) {
            OutputStream out = bar.wipedBy(System.out);
            Lab lab = Lab.open(bar::stage);
            if (refresh) {
                lab.refresh(request.kernel());
            }
            return lab.run(request, out, bar.wipedBy(System.err));
        }
    }

    private LabKernel kernel() {
        if (privateKernel) {
            return LabKernel.PRIVATE;
        }
        return switch (suite) {
            case TRIXIE -> LabKernel.TRIXIE;
            case SID -> LabKernel.SID;
        };
    }

    /** The directory with our own jars: the guest runs what this process runs. */
    private static Path modulePath() throws URISyntaxException {
        URI own = LabCommand.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI();
        return Objects.requireNonNull(Path.of(own).getParent());
    }
}
