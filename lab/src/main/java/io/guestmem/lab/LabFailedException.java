package io.guestmem.lab;

import java.io.Serial;

/** The machine ran but the program in it did not come to an exit status: a panic, a time limit, a QEMU that would not start. */
public final class LabFailedException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    private final String consoleTail;

    LabFailedException(String reason, String consoleTail) {
        super(reason);
        this.consoleTail = consoleTail;
    }

    /** The last lines of the guest's console and of QEMU's own messages; may be empty. */
    public String consoleTail() {
        return consoleTail;
    }
}
