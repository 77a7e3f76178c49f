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

/** {@code guestmem measure sev}. */
@Command(name = "sev", header = "The launch digest of a SEV guest.")
final class MeasureSevCommand implements Callable<Integer> {
    @Mixin
    private MeasureOptions options;

    @Mixin
    private MeasureSevOptions sev;

    @Mixin
    private MeasureOwnerOptions owner;

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
}
