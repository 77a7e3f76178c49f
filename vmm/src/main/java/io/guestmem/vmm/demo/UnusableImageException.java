package io.guestmem.vmm.demo;

import java.io.Serial;

/** The file cannot be a guest's memory: not a regular file, empty, or shorter than it was. */
public final class UnusableImageException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    UnusableImageException(String message) {
        super(message);
    }
}
