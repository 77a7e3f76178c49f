package io.guestmem.pager;

import java.io.Serial;

/** Another server serves from the same state directory. */
public final class ServerBusyException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    ServerBusyException(String message) {
        super(message);
    }
}
