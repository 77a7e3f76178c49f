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
import picocli.CommandLine.ParameterException;

/** What decides about the launch of a TD besides firmware, memory and kernel. */
final class MeasureTdxOptions {
    private final CommandSpec spec;
    private final Argument<TdxOrder> order;
    private final Argument<Path> acpi;
    private final Argument<InitrdOption> initrdOption;
    private final Argument<Boolean> patched;

    MeasureTdxOptions(CommandSpec spec) {
        this.spec = spec;
        order = Argument.option(
                spec,
                "--order",
                "page|section",
                Choices.of(TdxOrder.class),
                "page",
                "Extend each page when it is added, or each section when all its pages are added"
                        + " (default: ${DEFAULT-VALUE}).");
        acpi = Argument.option(
                spec, "--acpi-tables", "FILE", Values.PATH, "The machine's etc/acpi/tables from fw_cfg, for RTMR 0.");
        initrdOption = Argument.option(
                spec,
                "--initrd-option",
                "behind|before",
                Choices.of(InitrdOption.class),
                "behind",
                "Where the firmware puts initrd=initrd: behind the command line up to edk2 2025.02, before it in"
                        + " 2026.02 (default: ${DEFAULT-VALUE}).");
        patched = Argument.flag(
                spec, "--patched-kernel", "QEMU before 10.2 fills in the kernel's header; needs --memory.");
    }

    /** The settings. */
    TdxSettings settings(TdxVmm vmm, MeasureBootOptions boot) {
        TdxSettings settings = TdxSettings.STANDARD.with(vmm).with(order.value());
        Optional<Long> memory = boot.memory();
        return memory.isEmpty() ? settings : settings.withMemory(MemoryRange.ofQ35(memory.get()));
    }

    /** What is measured while it boots. */
    TdxBoot boot(MeasureBootOptions boot) throws IOException {
        Optional<Long> memory = boot.memory();
        if (patched.value() && memory.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "--patched-kernel needs --memory");
        }
        return new TdxBoot(
                boot.kernel(),
                boot.initrd(),
                boot.append(),
                initrdOption.value(),
                patched.value() ? memory : Optional.empty(),
                acpi());
    }

    private Optional<AcpiTables> acpi() throws IOException {
        if (!acpi.isPresent()) {
            return Optional.empty();
        }
        byte[] file = Files.readAllBytes(acpi.value());
        try {
            return Optional.of(AcpiTables.of(file));
        } catch (IllegalArgumentException broken) {
            throw new ParameterException(spec.commandLine(), "--acpi-tables: " + broken.getMessage(), broken);
        }
    }
}
