package io.guestmem.cli;

import io.guestmem.lab.FirstTouchRecording;
import io.guestmem.lab.Lab;
import io.guestmem.lab.LabKernel;
import io.guestmem.lab.LabRequest;
import io.guestmem.vmm.demo.DemoReport;
import io.guestmem.vmm.trace.FirstTouchTrace;
import io.guestmem.vmm.trace.TraceFile;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem lab}: the same command on another kernel. */
final class LabCommand implements Callable<Integer>, Verb {
    private static final String MAIN = "io.guestmem.cli/io.guestmem.cli.Main";

    private static final int MOST_CPUS = 64;
    private static final long MEBIBYTE = 1L << 20;
    private static final long GIBIBYTE = 1L << 30;

    private final CommandSpec spec = Verb.spec(
            this,
            "lab",
            "Run a guestmem command in QEMU, on a Debian kernel that has a real /dev/kvm.",
            "",
            "Needs no KVM, no root and installs nothing: QEMU and the kernel are unpacked from Debian's packages into a cache."
                    + " Output and exit status are those of the inner command.",
            "",
            "Examples:",
            "  guestmem lab -- doctor",
            "  guestmem lab -- demo --json",
            "  guestmem lab --suite sid -- demo --memory 128M",
            "  guestmem lab --suite sid --record-first-touch boot.trace.gz",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Suite> suite = Argument.option(
            spec,
            "--suite",
            "SUITE",
            Choices.of(Suite.class),
            "trixie",
            "Debian suite of the kernel: trixie (6.12) or sid (7.x) (default: ${DEFAULT-VALUE}).");

    private final Argument<Boolean> privateKernel = Argument.flag(
            spec,
            "--private",
            "A kernel with CONFIG_KVM_SW_PROTECTED_VM, from GUESTMEM_LAB_KERNEL or built on demand.");

    private final Argument<Integer> cpus = Argument.option(
            spec,
            "--cpus",
            "N",
            Values.INT,
            "1",
            "CPUs of the machine (default: ${DEFAULT-VALUE}; QEMU's parallel CPUs crash a kernel now and then).");

    private final Argument<ByteSize> memory = Argument.option(
            spec,
            "--memory",
            "SIZE",
            ByteSize::parse,
            "Memory of the machine, at least 1G (default: 4G; to record 128M to 2G, default 256M).");

    private final Argument<Boolean> refresh = Argument.flag(spec, "--refresh", "Fetch the newest kernel again.");

    private final Argument<Path> recording = Argument.option(
            spec,
            "--record-first-touch",
            "FILE",
            Values.PATH,
            "Run no command: boot the kernel up to its first process, and record in which order it touches its"
                    + " memory for the first time; a FILE.gz is compressed.");

    private final Argument<List<String>> arguments =
            Argument.parameters(spec, "0..*", "ARGS", Values.TEXT, "The guestmem command to run, after --.");

    /** Debian's suites with a kernel that the lab knows. */
    enum Suite {
        /** Debian 13. */
        TRIXIE,
        /** Debian unstable. */
        SID
    }

    @Override
    public Integer call() throws Exception {
        refuse(cpus.value() < 1 || cpus.value() > MOST_CPUS, "--cpus: " + cpus.value() + " is not 1 to " + MOST_CPUS);
        if (recording.isPresent()) {
            refuse(!arguments.value().isEmpty(), "--record-first-touch: runs no command");
            return record(recording.value());
        }
        refuse(arguments.value().isEmpty(), "Missing required parameter: 'ARGS'");
        PrintWriter err = spec.commandLine().getErr();
        LabArguments carried = LabArguments.of(arguments.value());
        LabRequest request = LabRequest.of(modulePath(), MAIN)
                .withKernel(kernel())
                .withCpus(cpus.value())
                .withMemoryBytes(memoryBytes(4 * GIBIBYTE, GIBIBYTE))
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
            if (refresh.value()) {
                lab.refresh(request.kernel());
            }
            return lab.run(request, out, bar.wipedBy(System.err));
        }
    }

    private Integer record(Path file) throws Exception {
        long bytes = memoryBytes(256 * MEBIBYTE, 128 * MEBIBYTE);
        refuse(bytes > FirstTouchRecording.MOST_MEMORY, "--memory: at most 2 GiB can be recorded");
        DemoReport.checkTarget(file);
        FirstTouchTrace trace;
        try (ProgressBar bar = new ProgressBar(spec.commandLine().getErr(), output.progressWanted())) {
            Lab lab = Lab.open(bar::stage);
            if (refresh.value()) {
                lab.refresh(kernel());
            }
            trace = trace(lab.recordFirstTouch(kernel(), bytes));
        }
        TraceFile.write(trace, file);
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "lab", json -> DemoPrinter.fields(json, trace));
        } else {
            out.println(file + ": Linux " + trace.kernelRelease() + " in " + ByteSize.describe(bytes) + ", "
                    + trace.loadedPages() + " pages loaded, " + trace.touchedPages() + " touched, seen in "
                    + trace.samples().size() + " looks");
        }
        return ExitStatus.DONE;
    }

    private static FirstTouchTrace trace(FirstTouchRecording recorded) {
        return new FirstTouchTrace(
                recorded.kernelRelease(),
                recorded.memoryBytes(),
                FirstTouchTrace.Run.of(recorded.loaded()),
                recorded.samples().stream()
                        .map(look -> new FirstTouchTrace.Sample(look.micros(), FirstTouchTrace.Run.of(look.pages())))
                        .toList());
    }

    private long memoryBytes(long otherwise, long least) {
        long bytes = !memory.isPresent() ? otherwise : memory.value().bytes();
        refuse(
                bytes < least || bytes % MEBIBYTE != 0,
                "--memory: " + bytes + " is not a multiple of 1 MiB from " + ByteSize.describe(least));
        return bytes;
    }

    private void refuse(boolean wrong, String message) {
        if (wrong) {
            throw new ParameterException(spec.commandLine(), message);
        }
    }

    private LabKernel kernel() {
        if (privateKernel.value()) {
            return LabKernel.PRIVATE;
        }
        return switch (suite.value()) {
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

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
