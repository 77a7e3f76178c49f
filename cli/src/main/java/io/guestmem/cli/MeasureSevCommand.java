package io.guestmem.cli;

import io.guestmem.measure.SevMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;

/** {@code guestmem measure sev}. */
final class MeasureSevCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(this, "sev", "The launch digest of a SEV guest.");

    private final MeasureOptions options = new MeasureOptions(spec);

    private final MeasureSevOptions sev = new MeasureSevOptions(spec);

    private final MeasureOwnerOptions owner = new MeasureOwnerOptions(spec);

    @Override
    public Integer call() throws IOException {
        owner.check();
        SevSettings settings = sev.settings(0);
        LaunchPlan plan = MeasureOptions.plan(
                Technology.SEV,
                options.firmware(),
                options.nativeZero(),
                firmware -> SevLaunch.plan(Technology.SEV, firmware, settings));
        return options.print(plan, new SevMeasurement(Technology.SEV), owner::of);
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
