package io.guestmem.cli;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import picocli.CommandLine;

/**
 * The sub-commands by their names. A command line that begins with one of them gets that one only: reading the options of all
 * takes longer than most of them run.
 */
final class Verbs {
    private static final Map<String, Supplier<Object>> ALL = new TreeMap<>(Map.ofEntries(
            Map.entry("bench", BenchCommand::new),
            Map.entry("conform", ConformCommand::new),
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

    private Verbs() {}

    /** Their names, in order. */
    static List<String> names() {
        return List.copyOf(ALL.keySet());
    }

    /** The command with the sub-commands that these arguments may need. */
    static CommandLine commandLine(String... arguments) {
        CommandLine root = new CommandLine(new GuestmemCommand());
        add(root, ALL, arguments, 0);
        CommandLine diff = root.getSubcommands().get("diff");
        if (diff != null) {
            add(diff, Map.of("translate", DiffTranslateCommand::new), arguments, 1);
        }
        CommandLine measure = root.getSubcommands().get("measure");
        if (measure != null) {
            add(measure, MeasureCommand.ALL, arguments, 1);
            MeasureCommand.register(measure);
        }
        CommandLine workingSet = root.getSubcommands().get("workingset");
        if (workingSet != null) {
            add(workingSet, WorkingSetCommand.ALL, arguments, 1);
        }
        return root;
    }

    private static void add(CommandLine to, Map<String, Supplier<Object>> verbs, String[] arguments, int index) {
        Supplier<Object> only = index < arguments.length ? verbs.get(arguments[index]) : null;
        if (only != null) {
            to.addSubcommand(arguments[index], only.get());
        } else {
            verbs.forEach((name, verb) -> to.addSubcommand(name, verb.get()));
        }
    }
}
