package io.guestmem.cli;

import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.SnpLaunch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;

/** {@code guestmem measure snp}. */
final class MeasureSnpCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(this, "snp", "The launch digest of a SEV-SNP guest.");

    private final MeasureOptions options = new MeasureOptions(spec);

    private final MeasureSevOptions sev = new MeasureSevOptions(spec);

    private final MeasureIdentityOptions identity = new MeasureIdentityOptions(spec);

    private final Argument<String> seed = Argument.option(
            spec,
            "--firmware-digest",
            "HEX",
            Values.TEXT,
            "The digest after the firmware, if it is known: only its tables are read then.");

    private final Argument<Path> svsm =
            Argument.option(spec, "--svsm", "FILE", Values.PATH, "An SVSM below the firmware (Coconut, before IGVM).");

    private final Argument<ByteSize> variables = Argument.option(
            spec, "--vars-size", "SIZE", ByteSize::parse, "0", "Size of the variables between SVSM and firmware.");

    @Override
    public Integer call() throws IOException {
        identity.check();
        SevSettings settings = sev.settings(SevSettings.STANDARD.features());
        LaunchPlan plan = MeasureOptions.plan(
                Technology.SNP, options.firmware(), options.nativeZero(), firmware -> plan(firmware, settings));
        if (!seed.isPresent() || !(plan instanceof LaunchPlan.Launches launches)) {
            return options.print(plan, new SnpMeasurement(), identity::of);
        }
        byte[] digest = MeasureOptions.digest(spec, "--firmware-digest", seed.value(), Technology.SNP.digestSize());
        LaunchPlan rest = new LaunchPlan.Launches(
                Technology.SNP, launches.steps().subList(1, launches.steps().size()));
        return options.print(rest, new SnpMeasurement(digest), identity::of);
    }

    private LaunchPlan plan(OvmfFirmware firmware, SevSettings settings) throws IOException {
        if (!svsm.isPresent()) {
            return SnpLaunch.plan(firmware, settings);
        }
        try {
            OvmfFirmware image = OvmfFirmware.of(FirmwareFile.read(svsm.value()));
            return SnpLaunch.plan(
                    firmware,
                    settings.withSvsm(
                            new SevSettings.Svsm(image, variables.value().bytes())));
        } catch (MalformedFirmwareException broken) {
            return new LaunchPlan.Refused(Technology.SNP, svsm.value() + ": " + broken.getMessage());
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
