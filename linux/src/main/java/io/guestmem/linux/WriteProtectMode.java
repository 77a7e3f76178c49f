package io.guestmem.linux;

/** What to do with the write-protection of a range. Source: Linux 6.12 {@code linux/userfaultfd.h}. */
public enum WriteProtectMode {
    /** Writes fault from now on. */
    PROTECT(1),
    /** Writes are allowed; wake who waits for the range. */
    ALLOW(0),
    /** Writes are allowed; who waits goes on waiting until {@link Userfaultfd#wake}. */
    ALLOW_NO_WAKE(2);

    private final long bits;

    WriteProtectMode(long bits) {
        this.bits = bits;
    }

    long bits() {
        return bits;
    }
}
