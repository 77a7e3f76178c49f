package io.guestmem.bench;

import java.io.Serial;

/** A side of a benchmark did not do its work, so there is nothing to compare. */
public final class BenchmarkException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    /**
     * Makes the exception.
     *
     * @param message what was run, and what it said
     */
    public BenchmarkException(String message) {
        super(message);
    }

    BenchmarkException(String message, Throwable cause) {
        super(message, cause);
    }
}
