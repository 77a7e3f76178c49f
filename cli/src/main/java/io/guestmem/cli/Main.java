package io.guestmem.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import picocli.CommandLine;

/** The entry point of the command {@code guestmem}. */
public final class Main {
    private Main() {}

    /**
     * Runs the command and ends the process with its exit status. If that is 0 the process ends because nothing runs any more:
     * {@link System#exit} first makes itself a logger, and looks for its factory in all modules.
     */
    public static void main(String[] arguments) {
        PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        int status = run(out, err, arguments);
        out.flush();
        if (status != ExitStatus.DONE || othersRun()) {
            System.exit(status);
        }
    }

    /** Whether a thread would keep the process alive. */
    private static boolean othersRun() {
        Thread[] threads = new Thread[Thread.activeCount() + 1];
        int found = Thread.enumerate(threads);
        return found == threads.length
                || Arrays.stream(threads, 0, found)
                        .anyMatch(each -> !each.isDaemon() && !each.equals(Thread.currentThread()));
    }

    /** Ends the process from a shutdown hook, in which {@link System#exit} would wait for itself. */
    static void halt(int status) {
        Runtime.getRuntime().halt(status);
    }

    /** Runs the command. */
    static int run(PrintWriter out, PrintWriter err, String... arguments) {
        return commandLine(out, err, arguments).execute(arguments);
    }

    private static CommandLine commandLine(PrintWriter out, PrintWriter err, String... arguments) {
        return new GuestmemCommand()
                .commandLine(arguments)
                .setOut(out)
                .setErr(err)
                .setParameterExceptionHandler(Errors::usage)
                .setExecutionExceptionHandler(Errors::failed);
    }
}
