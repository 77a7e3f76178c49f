package io.guestmem.cli;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.VmType;
import io.guestmem.linux.MappedMemory;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.vmm.Machine;
import io.guestmem.vmm.demo.DemoReport;
import io.guestmem.vmm.demo.DemoResult;
import io.guestmem.vmm.demo.DemoRun;
import io.guestmem.vmm.demo.Demonstration;
import io.guestmem.vmm.demo.LaunchDemonstration;
import io.guestmem.vmm.demo.LaunchSource;
import io.guestmem.vmm.demo.PopulationWay;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem demo}: a real guest over memory that guestmem populated, once for each way. */
@Command(
        name = "demo",
        header = "Make a file a guest's memory and run the guest: cold, then once for each way to populate.",
        description = {
            "",
            "The guest reads and checksums all of its memory; its checksum is compared with the file's. While it runs, the"
                    + " faults that KVM took, the page faults of this process and the faults that a userfaultfd handler"
                    + " served are counted.",
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
            ""
        })
final class DemoCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Mixin
    private AnyKernelOption kernelOption;

    @Option(
            names = "--vm-type",
            paramLabel = "TYPE",
            defaultValue = "default",
            description =
                    "default; sw-protected, which has private memory; sev, sev-es, snp, tdx, which are confidential"
                            + " (default: ${DEFAULT-VALUE}).")
    private Type type = Type.DEFAULT;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "64M",
            description = "Guest memory, a multiple of 4096 (default: ${DEFAULT-VALUE}).")
    private ByteSize memory;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            description = "The file, cut or padded with zeroes to the memory's size (default: lib/modules of the JDK).")
    private @Nullable Path image;

    @Option(
            names = "--firmware",
            paramLabel = "FILE",
            description = "Launch a confidential guest with this OVMF or TDVF as QEMU does, instead of --image.")
    private Optional<Path> firmware = Optional.empty();

    @Option(
            names = "--populate",
            paramLabel = "WAY",
            split = ",",
            description = "Only these ways: ${COMPLETION-CANDIDATES} (default: all).")
    private Set<PopulationWay> ways = Set.of();

    @Option(names = "--report", paramLabel = "FILE", description = "Write a self-contained HTML page with pictures.")
    private @Nullable Path report;

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

    @Override
    public Integer call() throws Exception {
        checkMemory();
        if (report != null) {
            DemoReport.checkTarget(report);
        }
        checkCombination();
        Path file = image != null ? image : Path.of(System.getProperty("java.home"), "lib", "modules");
        if (LaunchDemonstration.isFor(type.vmType)) {
            return launch(file);
        }
        Kernel kernel = kernelOption.kernel();
        PrintWriter out = spec.commandLine().getOut();
        DemoResult result;
        try (ProgressBar bar = new ProgressBar(spec.commandLine().getErr(), output.progressWanted())) {
            result = new Demonstration(kernel, type.vmType, file, memory.bytes())
                    .run(ways.isEmpty() ? EnumSet.allOf(PopulationWay.class) : ways, bar::step);
        }
        if (report != null) {
            DemoReport.write(report, result);
        }
        if (output.json()) {
            JsonResult.print(out, "demo", json -> fields(json, result));
        } else {
            print(out, result);
        }
        return result.ok() ? ExitStatus.DONE : ExitStatus.NO;
    }

    private void checkCombination() {
        boolean launched = LaunchDemonstration.isFor(type.vmType);
        String option = launched && !ways.isEmpty() ? "--populate" : launched && report != null ? "--report" : "";
        if (!option.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(), option + ": a confidential guest is launched, in one way, and not run");
        }
        if (firmware.isPresent() && (!launched || image != null)) {
            throw new ParameterException(
                    spec.commandLine(), "--firmware needs --vm-type sev, sev-es, snp or tdx, and no --image");
        }
    }

    /** Launches a confidential guest. */
    private int launch(Path file) throws IOException {
        AnyKernelOption.Chosen chosen = kernelOption.launching(type.vmType);
        LaunchDemonstration demonstration = new LaunchDemonstration(chosen.kernel(), type.vmType);
        LaunchPrinter printer = new LaunchPrinter(spec.commandLine(), output.json(), chosen.instead());
        if (firmware.isEmpty()) {
            return printer.print(demonstration.image(file, memory.bytes()));
        }
        return switch (plan(firmware.get())) {
            case LaunchPlan.Refused refused -> printer.refused(refused);
            case LaunchPlan.Launches plan ->
                printer.print(demonstration.run(plan, firmware.get().toString()));
        };
    }

    private LaunchPlan plan(Path path) throws IOException {
        try {
            return LaunchSource.firmware(type.vmType, OvmfFirmware.of(FirmwareFile.read(path)));
        } catch (MalformedFirmwareException broken) {
            return new LaunchPlan.Refused(LaunchSource.technology(type.vmType), String.valueOf(broken.getMessage()));
        }
    }

    private void checkMemory() throws Exception {
        long bytes = memory.bytes();
        if (bytes == 0 || bytes % MappedMemory.PAGE_SIZE != 0) {
            throw new ParameterException(
                    spec.commandLine(), "--memory: " + bytes + " is not a positive multiple of the page size, 4096");
        }
        if (bytes > Machine.MOST_MEMORY) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--memory: " + ByteSize.describe(bytes) + " is more than a guest has here, "
                            + ByteSize.describe(Machine.MOST_MEMORY));
        }
        long available = availableMemory();
        if (bytes > available) {
            throw new HostLacksException(
                    "--memory: " + ByteSize.describe(bytes) + " is more than this host can spare, "
                            + ByteSize.describe(available),
                    "ask for less with --memory");
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

    private static void print(PrintWriter out, DemoResult result) {
        String simulated = result.simulated() ? " (simulated)" : "";
        String type = result.vmType() == VmType.DEFAULT ? "" : ", VM type " + name(result.vmType());
        out.println("kernel " + result.kernel() + simulated + type + ", guest memory is " + result.image());
        out.println();
        TextTable table = new TextTable(
                TextTable.Column.left("populate"),
                TextTable.Column.right("pages"),
                TextTable.Column.right("guest faults"),
                TextTable.Column.right("host faults"),
                TextTable.Column.right("uffd faults"),
                TextTable.Column.right("populate s"),
                TextTable.Column.right("guest s"),
                TextTable.Column.left("checksum"));
        for (DemoRun run : result.runs()) {
            switch (run) {
                case DemoRun.Skipped skipped -> table.add(skipped.way().id(), "-", "skipped: " + skipped.reason());
                case DemoRun.Completed done ->
                    table.add(
                            done.way().id(),
                            String.valueOf(done.pages()),
                            done.guestFaults().isPresent()
                                    ? String.valueOf(done.guestFaults().getAsLong())
                                    : "unknown",
                            String.valueOf(done.hostFaults()),
                            String.valueOf(done.uffdFaults()),
                            seconds(done.populateSeconds()),
                            seconds(done.guestSeconds()),
                            done.ok() ? "ok" : "WRONG " + done.checksum());
            }
        }
        table.print(out);
        out.println();
        for (DemoRun run : result.runs()) {
            out.println(run.way().id() + ": " + run.way().description());
            if (run instanceof DemoRun.Skipped && run.way() == PopulationWay.PRE_FAULT) {
                out.println(
                        "  Without it KVM's own faults stay, whatever the host's page table holds: each of them builds"
                                + " a part of KVM's page table.");
            }
        }
        if (result.simulated()) {
            out.println();
            out.println(
                    "The kernel is simulated: it counts faults as a real one does, on a host that maps 4 KiB at each.");
            out.println(
                    "A thread stands for the second process. Times are those of an interpreter, not of a real kernel.");
        }
    }

    private static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.4f", seconds);
    }

    private static String name(VmType type) {
        return type.name().toLowerCase(Locale.ROOT);
    }

    private static void fields(JsonGenerator json, DemoResult result) {
        json.writeStringProperty("kernel", result.kernel());
        json.writeBooleanProperty("simulated", result.simulated());
        json.writeStringProperty("vm_type", name(result.vmType()));
        json.writeStringProperty("image", result.image().toString());
        json.writeNumberProperty("memory", result.memory());
        json.writeArrayPropertyStart("runs");
        for (DemoRun run : result.runs()) {
            json.writeStartObject();
            json.writeStringProperty("populate", run.way().id());
            switch (run) {
                case DemoRun.Skipped skipped -> json.writeStringProperty("skipped", skipped.reason());
                case DemoRun.Completed done -> fields(json, done);
            }
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void fields(JsonGenerator json, DemoRun.Completed run) {
        json.writeNumberProperty("pages", run.pages());
        if (run.guestFaults().isPresent()) {
            json.writeNumberProperty("guest_faults", run.guestFaults().getAsLong());
        } else {
            json.writeNullProperty("guest_faults");
        }
        json.writeNumberProperty("host_faults", run.hostFaults());
        json.writeNumberProperty("uffd_faults", run.uffdFaults());
        json.writeNumberProperty("populate_seconds", run.populateSeconds());
        json.writeNumberProperty("guest_seconds", run.guestSeconds());
        json.writeStringProperty("checksum", run.checksum());
        json.writeBooleanProperty("ok", run.ok());
    }
}
