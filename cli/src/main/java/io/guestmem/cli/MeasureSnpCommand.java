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
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code guestmem measure snp}. */
@Command(name = "snp", header = "The launch digest of a SEV-SNP guest.")
final class MeasureSnpCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private MeasureOptions options;

    @Mixin
    private MeasureSevOptions sev;

    @Mixin
    private MeasureIdentityOptions identity;

    @Option(
            names = "--firmware-digest",
            paramLabel = "HEX",
            description = "The digest after the firmware, if it is known: only its tables are read then.")
    private Optional<String> seed = Optional.empty();

    @Option(names = "--svsm", paramLabel = "FILE", description = "An SVSM below the firmware (Coconut, before IGVM).")
    private Optional<Path> svsm = Optional.empty();

    @Option(
            names = "--vars-size",
            paramLabel = "SIZE",
            defaultValue = "0",
            description = "Size of the variables between SVSM and firmware.")
    private ByteSize variables;

    @Override
    public Integer call() throws IOException {
        identity.check();
        SevSettings settings = sev.settings(SevSettings.STANDARD.features());
        LaunchPlan plan = MeasureOptions.plan(
                Technology.SNP, options.firmware(), options.nativeZero(), firmware -> plan(firmware, settings));
        if (seed.isEmpty() || !(plan instanceof LaunchPlan.Launches launches)) {
            return options.print(plan, new SnpMeasurement(), identity::of);
        }
        byte[] digest = MeasureOptions.digest(spec, "--firmware-digest", seed.get(), Technology.SNP.digestSize());
        LaunchPlan rest = new LaunchPlan.Launches(
                Technology.SNP, launches.steps().subList(1, launches.steps().size()));
        return options.print(rest, new SnpMeasurement(digest), identity::of);
    }

    private LaunchPlan plan(OvmfFirmware firmware, SevSettings settings) throws IOException {
        if (svsm.isEmpty()) {
            return SnpLaunch.plan(firmware, settings);
        }
        try {
            OvmfFirmware image = OvmfFirmware.of(FirmwareFile.read(svsm.get()));
            return SnpLaunch.plan(firmware, settings.withSvsm(new SevSettings.Svsm(image, variables.bytes())));
        } catch (MalformedFirmwareException broken) {
            return new LaunchPlan.Refused(Technology.SNP, svsm.get() + ": " + broken.getMessage());
        }
    }
}
