package io.guestmem.measure.firmware;

/** Firmware that contradicts itself: the message names the field, where it stands and what is wrong with it. */
public final class MalformedFirmwareException extends Exception {
    private static final long serialVersionUID = 1;

    private final String field;
    private final long offset;

    /**
     * A contradiction.
     *
     * @param field its name: {@code SEV metadata: length}
     * @param offset where it stands in the file; negative if it would stand before the file
     * @param problem what is wrong with it
     */
    public MalformedFirmwareException(String field, long offset, String problem) {
        super(field + " at " + (offset < 0 ? "-0x" : "0x") + Long.toHexString(Math.abs(offset)) + ": " + problem);
        this.field = field;
        this.offset = offset;
    }

    /** The field's name. */
    public String field() {
        return field;
    }

    /** Where it stands in the file, in bytes from its start. */
    public long offset() {
        return offset;
    }
}
