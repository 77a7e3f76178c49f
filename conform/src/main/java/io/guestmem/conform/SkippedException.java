package io.guestmem.conform;

import java.io.Serial;

/** This kernel cannot show what the check is about; the message says why. */
final class SkippedException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final String reason;

    SkippedException(String reason) {
        super(reason, null, false, false);
        this.reason = reason;
    }

    String reason() {
        return reason;
    }
}
