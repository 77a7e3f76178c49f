package io.guestmem.cli;

import io.guestmem.measure.SevMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code guestmem measure sev-es}. */
@Command(name = "sev-es", header = "The launch digest of a SEV-ES guest.")
final class MeasureSevEsCommand implements Callable<Integer> {
    @Mixin
    private MeasureOptions options;

    @Mixin
    private MeasureSevOptions sev;

    @Mixin
    private MeasureOwnerOptions owner;

    @Option(
            names = "--flavour",
            paramLabel = "init2|legacy",
            defaultValue = "init2",
            description = "KVM_SEV_INIT2, or KVM_SEV_ES_INIT as in QEMU's legacy-vm-type (default: ${DEFAULT-VALUE}).")
    private Flavour flavour;

    /** How the VM was initialized. */
    enum Flavour {
        /** {@code KVM_SEV_INIT2}: MXCSR and FCW are measured with their reset values. */
        INIT2,
        /** {@code KVM_SEV_ES_INIT}: they are zero. */
        LEGACY
    }

    @Override
    public Integer call() throws IOException {
        owner.check();
        SevSettings settings = sev.settings(0).withFpu(flavour == Flavour.INIT2);
        LaunchPlan plan = MeasureOptions.plan(
                Technology.SEV_ES,
                options.firmware(),
                options.nativeZero(),
                firmware -> SevLaunch.plan(Technology.SEV_ES, firmware, settings));
        return options.print(plan, new SevMeasurement(Technology.SEV_ES), owner::of);
    }
}
