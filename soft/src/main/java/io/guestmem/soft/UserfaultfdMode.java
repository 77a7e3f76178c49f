package io.guestmem.soft;

/** What a userfaultfd is to hear of, of a range of memory. */
public enum UserfaultfdMode {
    /** {@code UFFDIO_REGISTER_MODE_MISSING}: pages that are not there. */
    MISSING,
    /** {@code UFFDIO_REGISTER_MODE_MINOR}: pages that are in the file and not mapped. */
    MINOR,
    /** {@code UFFDIO_REGISTER_MODE_WP}, synchronous: writes to protected pages. */
    WRITE_PROTECT
}
