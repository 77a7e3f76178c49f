package io.guestmem.linux;

/** How a file is opened. Source of the numbers: Linux 6.12 {@code asm-generic/fcntl.h}. */
public enum OpenMode {
    /** {@code O_RDONLY}. */
    READ(0),
    /** {@code O_RDWR}. */
    READ_WRITE(2),
    /** {@code O_RDWR | O_NONBLOCK}. */
    READ_WRITE_NONBLOCK(2 | 0x800);

    private final int flags;

    OpenMode(int flags) {
        this.flags = flags;
    }

    int flags() {
        return flags;
    }
}
