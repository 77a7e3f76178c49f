package io.guestmem.vmm.demo;

import java.io.Serial;

/** Population stopped: the message says how far it came and why. */
public final class PopulationException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    PopulationException(String message) {
        super(message);
    }
}
