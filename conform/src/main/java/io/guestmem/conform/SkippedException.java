package io.guestmem.conform;

import java.io.Serial;

/** This kernel cannot show what the check is about; the message says why. */
final class SkippedException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    SkippedException(String reason) {
        super(reason, null, false, false);
    }
}
