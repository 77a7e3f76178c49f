package io.guestmem.cli;

import io.guestmem.abi.VmType;
import io.guestmem.linux.MappedMemory;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.vmm.Machine;
import io.guestmem.vmm.demo.DemoReport;
import io.guestmem.vmm.demo.DemoResult;
import io.guestmem.vmm.demo.Demonstration;
import io.guestmem.vmm.demo.LaunchDemonstration;
import io.guestmem.vmm.demo.LaunchSource;
import io.guestmem.vmm.demo.PopulationWay;
import io.guestmem.vmm.trace.FirstTouchTrace;
import io.guestmem.vmm.trace.TraceFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem demo}: a real guest over memory that guestmem populated, once for each way. */
final class DemoCommand implements Callable<Integer>, Verb {
    private static final long DEFAULT_MEMORY = 64L << 20;
    private static final String LAUNCHED = ": a confidential guest is launched, in one way, and not run";

    private final CommandSpec spec = Verb.spec(
            this,
            "demo",
            "Make a file a guest's memory and run the guest: cold, then once for each way to populate.",
            "",
            "The guest reads and checksums all of its memory; its checksum is compared with the file's. While it runs, the"
                    + " faults that KVM took, the page faults of this process and the faults that a userfaultfd handler"
                    + " served are counted.",
            "",
            "With --touch boot its memory is empty instead, and it writes to the pages that a kernel touched when it booted, in"
                    + " that order; docs/boot-faults.md says more.",
            "",
            "A guest of type sev, sev-es, snp or tdx is launched and not run: its memory gets in by the commands of the technology,"
                    + " and the measurement is compared with the one that 'guestmem measure' predicts. Where the host has no such"
                    + " processor, the software kernel simulates it, and the result says so.",
            "",
            "Examples:",
            "  guestmem demo",
            "  guestmem demo --memory 256M --image snapshot.mem --report demo.html",
            "  guestmem demo --kernel soft --vm-type sw-protected",
            "  guestmem demo --vm-type snp --memory 16M",
            "  guestmem demo --vm-type tdx --firmware OVMF.fd",
            "  guestmem lab -- demo --json",
            "  guestmem lab --suite sid -- demo --touch boot",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final AnyKernelOption kernelOption = new AnyKernelOption(spec);

    private final Argument<Type> type = Argument.option(
            spec,
            "--vm-type",
            "TYPE",
            Choices.of(Type.class),
            "default",
            "default; sw-protected, which has private memory; sev, sev-es, snp, tdx, which are confidential"
                    + " (default: ${DEFAULT-VALUE}).");

    private final Argument<ByteSize> memory = Argument.option(
            spec,
            "--memory",
            "SIZE",
            ByteSize::parse,
            "Guest memory, a multiple of 4096 (default: 64M; a trace has its own).");

    private final Argument<Path> image = Argument.option(
            spec,
            "--image",
            "FILE",
            Values.PATH,
            "The file, cut or padded with zeroes to the memory's size (default: lib/modules of the JDK).");

    private final Argument<Path> firmware = Argument.option(
            spec,
            "--firmware",
            "FILE",
            Values.PATH,
            "Launch a confidential guest with this OVMF or TDVF as QEMU does, instead of --image.");

    private final Argument<List<PopulationWay>> ways = Argument.list(
            spec,
            "--populate",
            "WAY",
            Choices.of(PopulationWay.class),
            "Only these ways: " + Choices.of(PopulationWay.class) + " (default: all that make sense).");

    private final Argument<Touch> touch = Argument.option(
            spec,
            "--touch",
            "WHAT",
            Choices.of(Touch.class),
            "all",
            "all: read all of memory; boot: replay a first-touch trace (default: ${DEFAULT-VALUE}).");

    private final Argument<Path> trace = Argument.option(
            spec,
            "--trace",
            "FILE",
            Values.PATH,
            "The trace to replay, from 'guestmem lab --record-first-touch' (default: one of Debian's kernel).");

    private final Argument<Boolean> hugePages =
            Argument.flag(spec, "--huge-pages", "Let the memory of a replay have pages of 2 MiB.");

    private final Argument<Path> report =
            Argument.option(spec, "--report", "FILE", Values.PATH, "Write a self-contained HTML page with pictures.");

    /** The types of VMs. */
    enum Type {
        /** An ordinary one. */
        DEFAULT(VmType.DEFAULT),
        /** With private memory, without encryption. */
        SW_PROTECTED(VmType.SW_PROTECTED),
        /** Memory is encrypted, AMD. */
        SEV(VmType.SEV),
        /** Registers too. */
        SEV_ES(VmType.SEV_ES),
        /** With integrity. */
        SNP(VmType.SNP),
        /** Encrypted with integrity, Intel. */
        TDX(VmType.TDX);

        private final VmType vmType;

        Type(VmType vmType) {
            this.vmType = vmType;
        }
    }

    /** What the guest does with its memory. */
    enum Touch {
        /** Reads all of it. */
        ALL,
        /** Touches it as a booting kernel. */
        BOOT
    }

    @Override
    public Integer call() throws Exception {
        checkOptions();
        if (report.isPresent()) {
            DemoReport.checkTarget(report.value());
        }
        if (LaunchDemonstration.isFor(type.value().vmType)) {
            return launch();
        }
        Demonstration demonstration = touch.value() == Touch.BOOT ? boot() : reading();
        PrintWriter out = spec.commandLine().getOut();
        DemoResult result;
        try (ProgressBar bar = new ProgressBar(spec.commandLine().getErr(), output.progressWanted())) {
            result = demonstration.run(ways(), bar::step);
        }
        if (report.isPresent()) {
            DemoReport.write(report.value(), result);
        }
        if (output.json()) {
            JsonResult.print(out, "demo", json -> DemoPrinter.fields(json, result));
        } else {
            DemoPrinter.print(out, result);
        }
        return result.ok() ? ExitStatus.DONE : ExitStatus.NO;
    }

    private void checkOptions() {
        boolean launched = LaunchDemonstration.isFor(type.value().vmType);
        refuse(launched && !ways.value().isEmpty(), "--populate" + LAUNCHED);
        refuse(launched && report.isPresent(), "--report" + LAUNCHED);
        refuse(launched && touch.value() == Touch.BOOT, "--touch boot" + LAUNCHED);
        refuse(
                firmware.isPresent() && (!launched || image.isPresent()),
                "--firmware needs --vm-type sev, sev-es, snp or tdx, and no --image");
        if (touch.value() == Touch.BOOT) {
            refuse(image.isPresent(), "--image: the guest of --touch boot has empty memory");
            refuse(memory.isPresent(), "--memory: the trace of --touch boot says how much");
        } else {
            refuse(trace.isPresent(), "--trace: only with --touch boot");
            refuse(hugePages.value(), "--huge-pages: only with --touch boot");
            refuse(ways.value().contains(PopulationWay.WORKING_SET), "--populate: working_set only with --touch boot");
        }
    }

    private void refuse(boolean wrong, String message) {
        if (wrong) {
            throw new ParameterException(spec.commandLine(), message);
        }
    }

    private Set<PopulationWay> ways() {
        if (!ways.value().isEmpty()) {
            return EnumSet.copyOf(ways.value());
        }
        return touch.value() == Touch.BOOT ? EnumSet.allOf(PopulationWay.class) : PopulationWay.forReading();
    }

    private Demonstration boot() throws Exception {
        FirstTouchTrace boot = !trace.isPresent() ? TraceFile.builtIn() : TraceFile.read(trace.value());
        checkRoom("the trace", boot.memoryBytes(), "replay a trace of less memory");
        return Demonstration.ofBoot(kernelOption.kernel(), type.value().vmType, boot, hugePages.value());
    }

    /** Launches a confidential guest. */
    private int launch() throws Exception {
        long bytes = memoryBytes();
        AnyKernelOption.Chosen chosen = kernelOption.launching(type.value().vmType);
        LaunchDemonstration demonstration = new LaunchDemonstration(chosen.kernel(), type.value().vmType);
        LaunchPrinter printer = new LaunchPrinter(spec.commandLine(), output.json(), chosen.instead());
        if (!firmware.isPresent()) {
            return printer.print(demonstration.image(image(), bytes));
        }
        return switch (plan(firmware.value())) {
            case LaunchPlan.Refused refused -> printer.refused(refused);
            case LaunchPlan.Launches plan ->
                printer.print(demonstration.run(plan, firmware.value().toString()));
        };
    }

    private LaunchPlan plan(Path path) throws IOException {
        try {
            return LaunchSource.firmware(type.value().vmType, OvmfFirmware.of(FirmwareFile.read(path)));
        } catch (MalformedFirmwareException broken) {
            return new LaunchPlan.Refused(
                    LaunchSource.technology(type.value().vmType), String.valueOf(broken.getMessage()));
        }
    }

    private Demonstration reading() throws Exception {
        long bytes = memoryBytes();
        return new Demonstration(kernelOption.kernel(), type.value().vmType, image(), bytes);
    }

    private Path image() {
        return image.isPresent() ? image.value() : Path.of(System.getProperty("java.home"), "lib", "modules");
    }

    private long memoryBytes() throws Exception {
        long bytes = !memory.isPresent() ? DEFAULT_MEMORY : memory.value().bytes();
        refuse(
                bytes == 0 || bytes % MappedMemory.PAGE_SIZE != 0,
                "--memory: " + bytes + " is not a positive multiple of the page size, 4096");
        refuse(
                bytes > Machine.MOST_MEMORY,
                "--memory: " + ByteSize.describe(bytes) + " is more than a guest has here, "
                        + ByteSize.describe(Machine.MOST_MEMORY));
        checkRoom("--memory", bytes, "ask for less with --memory");
        return bytes;
    }

    private static void checkRoom(String who, long bytes, String remedy) throws Exception {
        long available = availableMemory();
        if (bytes > available) {
            throw new HostLacksException(
                    who + ": " + ByteSize.describe(bytes) + " is more than this host can spare, "
                            + ByteSize.describe(available),
                    remedy);
        }
    }

    /** What the kernel thinks can be had without swapping. */
    private static long availableMemory() throws java.io.IOException {
        try (var lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
                    .findFirst()
                    .orElse(Long.MAX_VALUE);
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
