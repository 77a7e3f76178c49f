package io.guestmem.shell;

import io.guestmem.abi.Kernel;
import io.guestmem.soft.SeededSchedule;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.Optional;

/** What the shell prints for a text of commands. */
final class Transcripts {
    private Transcripts() {}

    /**
     * A run of the shell.
     *
     * @param out what it answered
     * @param err what it did not understand
     */
    record Transcript(int status, String out, String err) {}

    /** Runs commands as a script. */
    static Transcript run(Kernel kernel, String script) {
        return run(kernel, script, 1, Optional.empty());
    }

    /** Runs commands as a script, with races as a schedule has them. */
    static Transcript run(Kernel kernel, String script, long seed, Optional<SeededSchedule> schedule) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int status = Shell.run(new ShellSettings(
                kernel,
                new ShellSettings.Input.Script(new StringReader(script)),
                new PrintWriter(out),
                new PrintWriter(err),
                seed,
                schedule));
        return new Transcript(status, out.toString(), err.toString());
    }
}
