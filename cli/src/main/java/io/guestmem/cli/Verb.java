package io.guestmem.cli;

import java.util.Arrays;
import java.util.Collections;
import java.util.SortedMap;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * A command that tells the parser what it is. The parser could find all of that in annotations, but to read them takes longer than
 * most commands run.
 */
interface Verb {
    /** What the parser knows of it. */
    CommandSpec spec();

    /** Its sub-commands by name; it has none unless it says so. */
    default SortedMap<String, Supplier<Verb>> verbs() {
        return Collections.emptySortedMap();
    }

    /**
     * A parser of the arguments after its name. If they begin with the name of a sub-command it knows that one only: making them all
     * takes longer than most of them run.
     */
    default CommandLine commandLine(String... arguments) {
        CommandLine line = new CommandLine(spec());
        Supplier<Verb> only = arguments.length == 0 ? null : verbs().get(arguments[0]);
        if (only == null) {
            verbs().forEach((name, verb) -> line.addSubcommand(name, verb.get().commandLine()));
        } else {
            String[] rest = Arrays.copyOfRange(arguments, 1, arguments.length);
            line.addSubcommand(arguments[0], only.get().commandLine(rest));
        }
        return line;
    }

    /**
     * What the parser knows of a command before it has parameters and options of its own.
     *
     * @param command runs it: {@link Runnable} or {@link java.util.concurrent.Callable}
     * @param header the first line of its help
     * @param description more lines of it
     */
    static CommandSpec spec(Object command, String name, String header, String... description) {
        CommandSpec spec = spec(command, name);
        spec.usageMessage().header(header).description(description);
        return spec;
    }

    /** What the parser knows of every command. */
    static CommandSpec spec(Object command, String name) {
        CommandSpec spec = CommandSpec.wrapWithoutInspection(command)
                .name(name)
                .versionProvider(new Version())
                .addOption(OptionSpec.builder("-h", "--help")
                        .usageHelp(true)
                        .description("Show this help message and exit.")
                        .build())
                .addOption(OptionSpec.builder("-V", "--version")
                        .versionHelp(true)
                        .description("Print version information and exit.")
                        .build());
        spec.usageMessage().exitCodeListHeading("%nExit status:%n").exitCodeList(ExitStatus.MEANINGS);
        return spec;
    }
}
