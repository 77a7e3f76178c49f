package io.guestmem.cli;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem}: the root of the sub-commands. */
final class GuestmemCommand implements Runnable, Verb {
    private static final SortedMap<String, Supplier<Verb>> ALL = new TreeMap<>(Map.ofEntries(
            Map.entry("bench", BenchCommand::new),
            Map.entry("conform", ConformCommand::new),
            Map.entry("control", ControlCommand::new),
            Map.entry("demo", DemoCommand::new),
            Map.entry("diff", DiffCommand::new),
            Map.entry("doctor", DoctorCommand::new),
            Map.entry("fuzz", FuzzCommand::new),
            Map.entry("lab", LabCommand::new),
            Map.entry("measure", MeasureCommand::new),
            Map.entry("serve", ServeCommand::new),
            Map.entry("shell", ShellCommand::new),
            Map.entry("translate", TranslateCommand::new),
            Map.entry("workingset", WorkingSetCommand::new)));

    private final CommandSpec spec = Verb.spec(this, "guestmem");

    GuestmemCommand() {
        spec.usageMessage()
                .description("Populates, translates and measures the memory of virtual machines.")
                .synopsisSubcommandLabel("VERB");
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "a verb is missing: one of " + String.join(", ", ALL.keySet()));
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }

    @Override
    public SortedMap<String, Supplier<Verb>> verbs() {
        return ALL;
    }
}
