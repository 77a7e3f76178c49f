package io.guestmem.pager.workingset;

import java.io.Serial;

/** A file is no working set, or not one of this VM or this snapshot. */
public final class WorkingSetException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    /**
     * Makes the exception.
     *
     * @param message names the file and says what is wrong, at which byte if it is the content
     */
    public WorkingSetException(String message) {
        super(message);
    }
}
