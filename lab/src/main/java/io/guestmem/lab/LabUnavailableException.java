package io.guestmem.lab;

import java.io.Serial;

/** The lab cannot be had here: no apt, no network, no room on the disk, a build tool is missing. The program did not start. */
public final class LabUnavailableException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    private final String remedy;

    /**
     * Makes the exception.
     *
     * @param reason one sentence without a full stop
     * @param remedy what to do about it, one sentence without a full stop
     */
    public LabUnavailableException(String reason, String remedy) {
        super(reason);
        this.remedy = remedy;
    }

    /** What to do about it, one sentence without a full stop. */
    public String remedy() {
        return remedy;
    }
}
