package io.guestmem.cli;

import io.guestmem.abi.VmType;
import io.guestmem.kvm.KvmSupport;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.lab.Lab;
import io.guestmem.lab.LabAvailability;
import io.guestmem.lab.LabKernel;
import io.guestmem.lab.LabProgress;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdFeature;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem doctor}: what this host offers. */
final class DoctorCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "doctor",
            "Say what this host offers: KVM, userfaultfd, the lab.",
            "",
            "Everything is found by asking the kernel; nothing is changed, and nothing is fetched.",
            "",
            "Examples:",
            "  guestmem doctor",
            "  guestmem doctor --json",
            "  guestmem lab -- doctor",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    /** What was found. */
    private record Findings(
            String release, KvmSupport kvm, String module, UserfaultfdFinding userfaultfd, LabAvailability lab) {
        /** What {@code --kernel auto} is. */
        String defaultKernel() {
            return kvm instanceof KvmSupport.Available ? "linux" : "soft";
        }
    }

    /**
     * Whether a page server could use userfaultfd here.
     *
     * @param available for faults of the kernel too, which is what guests cause
     * @param features by name
     * @param reason why not
     */
    private record UserfaultfdFinding(boolean available, Set<UserfaultfdFeature> features, String reason) {}

    @Override
    public Integer call() throws IOException {
        Findings findings = new Findings(
                Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip(),
                KvmSupport.of(new LinuxKernel()),
                KvmSupport.module().orElse(""),
                userfaultfd(),
                Lab.open(LabProgress.SILENT).availability(LabKernel.TRIXIE));
        PrintWriter out = spec.commandLine().getOut();
        Map<String, String> kernels = kernels(findings);
        if (output.json()) {
            JsonResult.print(out, "doctor", json -> fields(json, findings, kernels));
        } else {
            print(out, findings, kernels);
        }
        return ExitStatus.DONE;
    }

    /** The kernel of each verb that has a choice. */
    private static Map<String, String> kernels(Findings findings) {
        Map<String, String> kernels = new TreeMap<>();
        new GuestmemCommand().commandLine().getSubcommands().forEach((verb, command) -> {
            if (AnyKernelOption.isIn(command)) {
                kernels.put(verb, findings.defaultKernel());
            }
        });
        return kernels;
    }

    private static UserfaultfdFinding userfaultfd() {
        try {
            return new UserfaultfdFinding(
                    true, Userfaultfd.offered(FaultScope.USER_AND_KERNEL).offered(), "");
        } catch (LinuxException refused) {
            return new UserfaultfdFinding(false, EnumSet.noneOf(UserfaultfdFeature.class), refused.getMessage());
        }
    }

    private static void fields(JsonGenerator json, Findings found, Map<String, String> kernels) {
        json.writeObjectPropertyStart("host");
        json.writeStringProperty("release", found.release);
        json.writeEndObject();
        json.writeObjectPropertyStart("kvm");
        switch (found.kvm) {
            case KvmSupport.Available kvm -> {
                json.writeBooleanProperty("available", true);
                json.writeNumberProperty("api_version", kvm.apiVersion());
                json.writeStringProperty("module", found.module);
                json.writeBooleanProperty("pre_fault_memory", kvm.preFaultMemory());
                json.writeBooleanProperty("guest_memfd", kvm.guestMemfd());
                json.writeNumberProperty("guest_memfd_flags", kvm.guestMemfdFlags());
                json.writeNumberProperty("memory_attributes", kvm.memoryAttributes());
                json.writeArrayPropertyStart("vm_types");
                kvm.vmTypes().forEach(type -> json.writeString(name(type)));
                json.writeEndArray();
            }
            case KvmSupport.Unavailable missing -> {
                json.writeBooleanProperty("available", false);
                json.writeStringProperty("module", found.module);
                json.writeStringProperty("reason", missing.reason());
            }
        }
        json.writeEndObject();
        json.writeObjectPropertyStart("userfaultfd");
        json.writeBooleanProperty("available", found.userfaultfd.available);
        json.writeArrayPropertyStart("features");
        found.userfaultfd.features.forEach(
                feature -> json.writeString(feature.name().toLowerCase(Locale.ROOT)));
        json.writeEndArray();
        if (!found.userfaultfd.available) {
            json.writeStringProperty("reason", found.userfaultfd.reason);
        }
        json.writeEndObject();
        json.writeObjectPropertyStart("lab");
        json.writeBooleanProperty("available", found.lab.isAvailable());
        json.writeStringProperty("state", found.lab.state().name().toLowerCase(Locale.ROOT));
        json.writeStringProperty("explanation", found.lab.explanation());
        json.writeEndObject();
        json.writeStringProperty("default_kernel", found.defaultKernel());
        json.writeObjectPropertyStart("kernels");
        kernels.forEach(json::writeStringProperty);
        json.writeEndObject();
    }

    private static void print(PrintWriter out, Findings found, Map<String, String> kernels) {
        TextTable table = new TextTable(
                TextTable.Column.left("what"), TextTable.Column.left("here"), TextTable.Column.left("what it means"));
        table.add("host", "Linux " + found.release, "");
        switch (found.kvm) {
            case KvmSupport.Available kvm -> {
                table.add("kvm", "version " + kvm.apiVersion(), found.module);
                table.add(
                        "  pre_fault_memory",
                        yes(kvm.preFaultMemory()),
                        kvm.preFaultMemory()
                                ? "KVM_PRE_FAULT_MEMORY: guests can be mapped before they run"
                                : "no two-dimensional paging, or a kernel before 6.11");
                table.add(
                        "  guest_memfd",
                        yes(kvm.guestMemfd()),
                        "flags " + kvm.guestMemfdFlags() + " (1 MMAP, 2 INIT_SHARED)");
                table.add(
                        "  memory_attributes",
                        String.valueOf(kvm.memoryAttributes()),
                        "8: some VM type has private memory");
                table.add(
                        "  vm_types",
                        kvm.vmTypes().stream().map(DoctorCommand::name).collect(Collectors.joining(", ")),
                        "");
            }
            case KvmSupport.Unavailable missing -> table.add("kvm", "no", missing.reason());
        }
        table.add(
                "userfaultfd",
                yes(found.userfaultfd.available),
                found.userfaultfd.available
                        ? found.userfaultfd.features.size() + " features, for faults of the kernel too"
                        : found.userfaultfd.reason);
        table.add("lab", found.lab.state().name().toLowerCase(Locale.ROOT), found.lab.explanation());
        table.add(
                "default kernel",
                found.defaultKernel(),
                (found.defaultKernel().equals("soft") ? "simulated; " : "") + "of "
                        + String.join(", ", kernels.keySet()));
        table.print(out);
    }

    private static String yes(boolean answer) {
        return answer ? "yes" : "no";
    }

    private static String name(VmType type) {
        return type.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
