package io.guestmem.vmm.trace;

import java.io.Serial;

/** A file is not a first-touch trace, or not all of one. The message says what is wrong, and at which byte. */
public final class MalformedTraceException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    MalformedTraceException(String message) {
        super(message);
    }
}
