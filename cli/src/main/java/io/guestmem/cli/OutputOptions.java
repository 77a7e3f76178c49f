package io.guestmem.cli;

import io.guestmem.linux.Terminal;
import picocli.CommandLine.Option;

/** How a result is printed: the same for every sub-command. */
final class OutputOptions {
    @Option(names = "--json", description = "Print the result as one JSON object.")
    private boolean json;

    @Option(names = "--quiet", description = "No progress on standard error.")
    private boolean quiet;

    @Option(names = "--debug", description = "Print stack traces with errors.")
    private boolean debug;

    boolean json() {
        return json;
    }

    boolean debug() {
        return debug;
    }

    /** Whether somebody watches standard error. */
    boolean progressWanted() {
        return !quiet && Terminal.isStandardError();
    }
}
