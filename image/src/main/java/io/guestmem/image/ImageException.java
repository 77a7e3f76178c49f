package io.guestmem.image;

import java.io.IOException;

/** A file is not what it says it is, or does not have what it was asked for. */
public final class ImageException extends IOException {
    private static final long serialVersionUID = 1;

    private static final long NOWHERE = -1;

    private final long offset;

    /**
     * Something is wrong at a place.
     *
     * @param offset in the file, in bytes
     */
    public ImageException(long offset, String message) {
        super(message + ", at offset 0x" + Long.toHexString(offset));
        this.offset = offset;
    }

    /** The image does not have what it was asked for; no place in it is wrong. */
    public ImageException(String message) {
        super(message);
        this.offset = NOWHERE;
    }

    /** Where in the file, in bytes; -1 if no place is wrong. */
    public long offset() {
        return offset;
    }
}
