package io.guestmem.pager.source;

import java.io.Serial;

/** A file cannot be what a guest's memory is made of. */
public final class SnapshotException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    /**
     * Makes the exception.
     *
     * @param message names the file and says what is wrong
     */
    public SnapshotException(String message) {
        super(message);
    }
}
