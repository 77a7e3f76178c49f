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
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem measure tdx}. */
final class MeasureTdxCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "tdx",
            "MRTD of a TD, and RTMR 0 to 2 of a direct boot as far as their inputs are given.",
            "",
            "--memory adds the digest of the TD HOB, with --acpi-tables also RTMR 0; --kernel adds RTMR 1 and 2. --events"
                    + " lists what goes into the registers.",
            "");

    private final MeasureOptions options = new MeasureOptions(spec);

    private final MeasureTdxOptions tdx = new MeasureTdxOptions(spec);

    private final MeasureBootOptions boot = new MeasureBootOptions(spec);

    private final Argument<TdxVmm> vmm = Argument.option(
            spec,
            "--vmm",
            "VMM",
            Choices.of(TdxVmm.class),
            "qemu",
            "qemu, gce, td-shim: whose checks the firmware has to pass (default: ${DEFAULT-VALUE}).");

    private final Argument<Boolean> events = Argument.flag(spec, "--events", "Print the event log of the registers.");

    @Override
    public Integer call() throws IOException {
        TdxSettings settings = tdx.settings(vmm.value(), boot);
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
        if (events.value()) {
            for (int i = 0; i < register.log().size(); i++) {
                rows.put(
                        name + "." + (i < 10 ? "0" : "") + i + "."
                                + register.log().get(i).name(),
                        register.log().get(i).digest());
            }
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
