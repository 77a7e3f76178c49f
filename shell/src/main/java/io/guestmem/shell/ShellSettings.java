package io.guestmem.shell;

import io.guestmem.abi.Kernel;
import io.guestmem.soft.SeededSchedule;
import java.io.PrintWriter;
import java.io.Reader;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * What a shell works with.
 *
 * @param kernel that answers
 * @param input where commands come from
 * @param out for answers, errnos included
 * @param err for what was not understood
 * @param seed of random content
 * @param schedule of the software kernel, which decides how races go; empty to let threads run freely
 */
public record ShellSettings(
        Kernel kernel, Input input, PrintWriter out, PrintWriter err, long seed, Optional<SeededSchedule> schedule) {
    /** Where commands come from. */
    public sealed interface Input {
        /**
         * A text, with a command a line or {@code ;} between them.
         *
         * @param text the commands
         */
        record Commands(String text) implements Input {}

        /**
         * A file or a pipe.
         *
         * @param reader read to its end, not closed
         */
        record Script(Reader reader) implements Input {}

        /**
         * The terminal of this process.
         *
         * @param history the file with what was typed before; made if it is not there
         */
        record Interactive(Path history) implements Input {}
    }

    /**
     * Where history belongs: {@code $XDG_STATE_HOME/guestmem/history}, or below {@code ~/.local/state}.
     *
     * @param environment of the process
     */
    public static Path history(Map<String, String> environment) {
        String state = environment.getOrDefault("XDG_STATE_HOME", "");
        Path base = state.startsWith("/")
                ? Path.of(state)
                : Path.of(environment.getOrDefault("HOME", "."), ".local", "state");
        return base.resolve("guestmem").resolve("history");
    }
}
