package io.guestmem.linux;

/** How a page is installed. Source: Linux 6.12 {@code linux/userfaultfd.h}. */
public enum InstallMode {
    /** Wake who waits for the range. */
    WAKE(0),
    /** {@code DONTWAKE}: who waits goes on waiting until {@link Userfaultfd#wake}. */
    NO_WAKE(1),
    /** {@code WP}: install write-protected, and wake. Not for zero pages and poison. */
    WRITE_PROTECTED(2),
    /** {@code WP | DONTWAKE}. Not for zero pages and poison. */
    WRITE_PROTECTED_NO_WAKE(3);

    private final long bits;

    InstallMode(long bits) {
        this.bits = bits;
    }

    long bits() {
        return bits;
    }
}
