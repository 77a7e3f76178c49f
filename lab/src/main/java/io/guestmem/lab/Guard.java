package io.guestmem.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Ties a program to this process: it runs in a process group of its own under a shell that waits on a pipe from here, and when the
 * pipe closes the shell kills the group. So the program and all that it started end when we end, even by {@code SIGKILL}.
 */
final class Guard {
    private static final String SCRIPT = """
            exec 3<&0
            setsid "$@" </dev/null 3<&- & program=$!
            { read -r _ <&3; kill -s KILL -- -$program || kill -KILL $program; } 2>/dev/null & guard=$!
            exec 3<&-
            wait $program; status=$?
            kill $guard 2>/dev/null
            exit $status
            """;

    private Guard() {}

    /** A command that runs another one under guard. Its standard input must be a pipe, the program's is empty. */
    static List<String> command(List<String> program) {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", SCRIPT, "guestmem-lab"));
        command.addAll(program);
        return command;
    }

    /** Ends the program if it runs, and waits for that. By any thread, at any time. */
    static void end(Process guarded) {
        try {
            guarded.getOutputStream().close();
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        } finally {
            guarded.onExit()
                    .orTimeout(10, TimeUnit.SECONDS)
                    .exceptionally(_ -> guarded)
                    .join();
            guarded.descendants().forEach(ProcessHandle::destroyForcibly);
            guarded.destroyForcibly();
        }
    }
}
