package io.guestmem.cli;

import java.io.Serial;

/** The host lacks something that was asked for. */
final class HostLacksException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final String remedy;

    HostLacksException(String message, String remedy) {
        super(message);
        this.remedy = remedy;
    }

    String remedy() {
        return remedy;
    }
}
