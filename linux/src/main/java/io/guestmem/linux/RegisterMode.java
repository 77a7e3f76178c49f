package io.guestmem.linux;

import java.util.Set;

/** Which faults of a range become events. Source: Linux 6.12 {@code linux/userfaultfd.h}. */
public enum RegisterMode {
    /** {@code UFFDIO_REGISTER_MODE_MISSING}: the page is not there. */
    MISSING(1),
    /** {@code UFFDIO_REGISTER_MODE_WP}: a write to a write-protected page. */
    WRITE_PROTECT(2),
    /** {@code UFFDIO_REGISTER_MODE_MINOR}: the page is in the page cache and not in the page table. */
    MINOR(4);

    private final long bit;

    RegisterMode(long bit) {
        this.bit = bit;
    }

    static long bits(Set<RegisterMode> modes) {
        return modes.stream().mapToLong(mode -> mode.bit).reduce(0, (a, b) -> a | b);
    }
}
