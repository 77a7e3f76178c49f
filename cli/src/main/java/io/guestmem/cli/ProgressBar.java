package io.guestmem.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
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
            err.print(WIPE + "[" + "#".repeat(filled) + ".".repeat(WIDTH - filled) + "] " + (step + 1) + "/" + steps
                    + " " + what);
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

    /** A stream before whose first byte the bar is wiped, so that output does not stand behind it. */
    OutputStream wipedBy(OutputStream to) {
        return new FilterOutputStream(to) {
            private boolean wiped;

            @Override
            public void write(int value) throws IOException {
                wipe();
                out.write(value);
            }

            @Override
            public void write(byte[] bytes, int from, int length) throws IOException {
                wipe();
                out.write(bytes, from, length);
            }

            private void wipe() {
                if (!wiped) {
                    wiped = true;
                    ProgressBar.this.close();
                }
            }
        };
    }

    @Override
    public void close() {
        if (wanted) {
            err.print(WIPE);
            err.flush();
        }
    }
}
