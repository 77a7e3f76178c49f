package io.guestmem.cli;

import io.guestmem.measure.TdxMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.IgvmFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.TdxBoot;
import io.guestmem.measure.launch.TdxLaunch;
import io.guestmem.measure.launch.TdxSettings;
import io.guestmem.measure.launch.TdxVmm;
import io.guestmem.measure.rtmr.Rtmr;
import java.io.IOException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code guestmem measure tdx}. */
@Command(
        name = "tdx",
        header = "MRTD of a TD, and RTMR 0 to 2 of a direct boot as far as their inputs are given.",
        description = {
            "",
            "--memory adds the digest of the TD HOB, with --acpi-tables also RTMR 0; --kernel adds RTMR 1 and 2. --events"
                    + " lists what goes into the registers.",
            ""
        })
final class MeasureTdxCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private MeasureOptions options;

    @Mixin
    private MeasureTdxOptions tdx;

    @Mixin
    private MeasureBootOptions boot;

    @Option(
            names = "--vmm",
            paramLabel = "VMM",
            defaultValue = "qemu",
            description = "qemu, gce, td-shim: whose checks the firmware has to pass (default: ${DEFAULT-VALUE}).")
    private TdxVmm vmm;

    @Option(names = "--events", description = "Print the event log of the registers.")
    private boolean events;

    @Override
    public Integer call() throws IOException {
        TdxSettings settings = tdx.settings(vmm, boot);
        TdxBoot inputs = tdx.boot(boot);
        FirmwareFile file = options.firmware();
        LaunchPlan plan = MeasureOptions.plan(
                Technology.TDX, file, options.nativeZero(), firmware -> TdxLaunch.plan(firmware, settings));
        Map<String, String> registers = plan instanceof LaunchPlan.Launches && !IgvmFile.is(file)
                ? registers(file, settings, inputs)
                : Map.of();
        return options.print(plan, new TdxMeasurement(), registers);
    }

    private Map<String, String> registers(FirmwareFile file, TdxSettings settings, TdxBoot inputs) {
        Map<String, String> rows = new TreeMap<>();
        try {
            OvmfFirmware firmware = OvmfFirmware.of(file);
            TdxBoot.hobDigest(firmware, settings)
                    .ifPresent(digest -> rows.put("td_hob", HexFormat.of().formatHex(digest)));
            inputs.registers(firmware, settings).forEach((number, register) -> put(rows, "rtmr" + number, register));
        } catch (MalformedFirmwareException | IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
        return rows;
    }

    private void put(Map<String, String> rows, String name, Rtmr register) {
        rows.put(name, register.value());
        if (events) {
            for (int i = 0; i < register.log().size(); i++) {
                rows.put(
                        name + "." + (i < 10 ? "0" : "") + i + "."
                                + register.log().get(i).name(),
                        register.log().get(i).digest());
            }
        }
    }
}
