package io.guestmem.cli;

import io.guestmem.measure.SevMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;

/** {@code guestmem measure sev-es}. */
final class MeasureSevEsCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(this, "sev-es", "The launch digest of a SEV-ES guest.");

    private final MeasureOptions options = new MeasureOptions(spec);

    private final MeasureSevOptions sev = new MeasureSevOptions(spec);

    private final MeasureOwnerOptions owner = new MeasureOwnerOptions(spec);

    private final Argument<Flavour> flavour = Argument.option(
            spec,
            "--flavour",
            "init2|legacy",
            Choices.of(Flavour.class),
            "init2",
            "KVM_SEV_INIT2, or KVM_SEV_ES_INIT as in QEMU's legacy-vm-type (default: ${DEFAULT-VALUE}).");

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
        SevSettings settings = sev.settings(0).withFpu(flavour.value() == Flavour.INIT2);
        LaunchPlan plan = MeasureOptions.plan(
                Technology.SEV_ES,
                options.firmware(),
                options.nativeZero(),
                firmware -> SevLaunch.plan(Technology.SEV_ES, firmware, settings));
        return options.print(plan, new SevMeasurement(Technology.SEV_ES), owner::of);
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
