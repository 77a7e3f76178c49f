package io.guestmem.image;

import java.io.IOException;

/** A file is not what it says it is. */
public final class ImageException extends IOException {
    private static final long serialVersionUID = 1;

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

    /** Where in the file, in bytes. */
    public long offset() {
        return offset;
    }
}
