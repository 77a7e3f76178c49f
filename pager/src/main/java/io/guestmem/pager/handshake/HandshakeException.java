package io.guestmem.pager.handshake;

import java.io.Serial;

/** A VMM's message cannot be served. The message says why, in one line that is safe to print. */
public final class HandshakeException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    /**
     * Makes the exception.
     *
     * @param reason one line
     */
    public HandshakeException(String reason) {
        super(reason);
    }
}
