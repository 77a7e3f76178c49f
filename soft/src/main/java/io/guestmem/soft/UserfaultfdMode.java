package io.guestmem.soft;

/** What a userfaultfd is to hear of. */
public enum UserfaultfdMode {
    /** {@code UFFDIO_REGISTER_MODE_MISSING}. */
    MISSING,
    /** {@code UFFDIO_REGISTER_MODE_MINOR}. */
    MINOR,
    /** {@code UFFDIO_REGISTER_MODE_WP}. */
    WRITE_PROTECT
}
