package io.guestmem.cli;

import io.guestmem.measure.launch.TdxBoot;
import io.guestmem.measure.launch.TdxOrder;
import io.guestmem.measure.launch.TdxSettings;
import io.guestmem.measure.launch.TdxVmm;
import io.guestmem.measure.rtmr.AcpiTables;
import io.guestmem.measure.rtmr.InitrdOption;
import io.guestmem.measure.rtmr.MemoryRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What decides about the launch of a TD besides firmware, memory and kernel. */
final class MeasureTdxOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(
            names = "--order",
            paramLabel = "page|section",
            defaultValue = "page",
            description = "Extend each page when it is added, or each section when all its pages are added"
                    + " (default: ${DEFAULT-VALUE}).")
    private TdxOrder order;

    @Option(
            names = "--acpi-tables",
            paramLabel = "FILE",
            description = "The machine's etc/acpi/tables from fw_cfg, for RTMR 0.")
    private Optional<Path> acpi = Optional.empty();

    @Option(
            names = "--initrd-option",
            paramLabel = "behind|before",
            defaultValue = "behind",
            description =
                    "Where the firmware puts initrd=initrd: behind the command line up to edk2 2025.02, before it in"
                            + " 2026.02 (default: ${DEFAULT-VALUE}).")
    private InitrdOption initrdOption;

    @Option(names = "--patched-kernel", description = "QEMU before 10.2 fills in the kernel's header; needs --memory.")
    private boolean patched;

    /** The settings. */
    TdxSettings settings(TdxVmm vmm, MeasureBootOptions boot) {
        TdxSettings settings = TdxSettings.STANDARD.with(vmm).with(order);
        Optional<Long> memory = boot.memory();
        return memory.isEmpty() ? settings : settings.withMemory(MemoryRange.ofQ35(memory.get()));
    }

    /** What is measured while it boots. */
    TdxBoot boot(MeasureBootOptions boot) throws IOException {
        Optional<Long> memory = boot.memory();
        if (patched && memory.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "--patched-kernel needs --memory");
        }
        return new TdxBoot(
                boot.kernel(), boot.initrd(), boot.append(), initrdOption, patched ? memory : Optional.empty(), acpi());
    }

    private Optional<AcpiTables> acpi() throws IOException {
        if (acpi.isEmpty()) {
            return Optional.empty();
        }
        byte[] file = Files.readAllBytes(acpi.get());
        try {
            return Optional.of(AcpiTables.of(file));
        } catch (IllegalArgumentException broken) {
            throw new ParameterException(spec.commandLine(), "--acpi-tables: " + broken.getMessage(), broken);
        }
    }
}
