package io.guestmem.linux;

/** Who sees what is written to a mapping. Source of the numbers: Linux 6.12 {@code linux/mman.h}. */
public enum Sharing {
    /** {@code MAP_SHARED}: the file, and everybody who maps it. */
    SHARED(1),
    /** {@code MAP_PRIVATE}: only this process; the first write to a page copies it. */
    PRIVATE(2);

    private final int flags;

    Sharing(int flags) {
        this.flags = flags;
    }

    int flags() {
        return flags;
    }
}
