package io.guestmem.abi;

/** Advice for {@code madvise(2)} that changes what KVM finds behind a memslot. */
public enum HostAdvice {
    /** {@code MADV_DONTNEED}: drops the pages; private anonymous memory reads as zeroes afterwards. */
    DONT_NEED,
    /** {@code MADV_REMOVE}: frees the pages and what backs them (punches a hole into a memfd). */
    REMOVE,
    /** {@code MADV_HUGEPAGE}: transparent huge pages are welcome. */
    HUGE_PAGE,
    /** {@code MADV_NOHUGEPAGE}: no transparent huge pages. */
    NO_HUGE_PAGE,
    /** {@code MADV_COLD}: first candidates for reclaim. */
    COLD,
    /** {@code MADV_PAGEOUT}: reclaim now. */
    PAGE_OUT,
    /** {@code MADV_POPULATE_READ}: faults everything in as if it were read. */
    POPULATE_READ,
    /** {@code MADV_POPULATE_WRITE}: faults everything in as if it were written; breaks copy-on-write. */
    POPULATE_WRITE,
    /** {@code MADV_COLLAPSE}: makes huge pages of what is populated, now. */
    COLLAPSE
}
