package io.guestmem.soft.host;

/** What {@code madvise(2)} can say about memory. */
public enum Advice {
    /** {@code MADV_DONTNEED}. */
    DONTNEED,
    /** {@code MADV_FREE}. */
    FREE,
    /** {@code MADV_REMOVE}. */
    REMOVE,
    /** {@code MADV_WILLNEED}. */
    WILLNEED,
    /** {@code MADV_POPULATE_READ}. */
    POPULATE_READ,
    /** {@code MADV_POPULATE_WRITE}. */
    POPULATE_WRITE,
    /** {@code MADV_HUGEPAGE}. */
    HUGEPAGE,
    /** {@code MADV_NOHUGEPAGE}. */
    NOHUGEPAGE,
    /** {@code MADV_COLLAPSE}. */
    COLLAPSE,
    /** {@code MADV_COLD}. */
    COLD,
    /** {@code MADV_PAGEOUT}. */
    PAGEOUT
}
