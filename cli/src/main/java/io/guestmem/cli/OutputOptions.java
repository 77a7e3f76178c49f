package io.guestmem.cli;

import io.guestmem.linux.Terminal;
import picocli.CommandLine.Model.CommandSpec;

/** How a result is printed: the same for every sub-command. */
final class OutputOptions {
    private final Argument<Boolean> json;
    private final Argument<Boolean> quiet;
    private final Argument<Boolean> debug;

    OutputOptions(CommandSpec spec) {
        json = Argument.flag(spec, "--json", "Print the result as one JSON object.");
        quiet = Argument.flag(spec, "--quiet", "No progress on standard error.");
        debug = Argument.flag(spec, "--debug", "Print stack traces with errors.");
    }

    boolean json() {
        return json.value();
    }

    boolean debug() {
        return debug.value();
    }

    /** Whether somebody watches standard error. */
    boolean progressWanted() {
        return !quiet.value() && Terminal.isStandardError();
    }
}
