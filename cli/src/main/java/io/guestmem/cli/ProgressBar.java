package io.guestmem.cli;

import java.io.PrintWriter;

/** A bar on a terminal's standard error, drawn over itself and wiped at the end; nothing anywhere else. Not thread-safe. */
final class ProgressBar implements AutoCloseable {
    private static final int WIDTH = 30;
    private static final String WIPE = "\r\033[K";

    private final PrintWriter err;
    private final boolean wanted;

    ProgressBar(PrintWriter err, boolean wanted) {
        this.err = err;
        this.wanted = wanted;
    }

    /** Step {@code step} of {@code steps} begins. */
    void step(int step, int steps, String what) {
        if (wanted) {
            int filled = WIDTH * step / steps;
            err.print(WIPE + "[" + "#".repeat(filled) + ".".repeat(WIDTH - filled) + "] " + (step + 1) + "/" + steps + " "
                    + what);
            err.flush();
        }
    }

    /** A stage whose end nobody knows begins. */
    void stage(String what) {
        if (wanted) {
            err.print(WIPE + what);
            err.flush();
        }
    }

    @Override
    public void close() {
        if (wanted) {
            err.print(WIPE);
            err.flush();
        }
    }
}
