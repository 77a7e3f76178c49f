package io.guestmem.linux;

/** Advice for {@code madvise(2)} and {@code process_madvise(2)}. Source: Linux 6.12 {@code asm-generic/mman-common.h}. */
public enum Advice {
    /** {@code MADV_WILLNEED}: start reading ahead. */
    WILL_NEED(3),
    /** {@code MADV_DONTNEED}: drop the pages now; private anonymous memory reads as zeroes afterwards. */
    DONT_NEED(4),
    /** {@code MADV_REMOVE}: free the pages and the backing store (punches a hole into shared memory). */
    REMOVE(9),
    /** {@code MADV_HUGEPAGE}: transparent huge pages are welcome. */
    HUGE_PAGE(14),
    /** {@code MADV_NOHUGEPAGE}: no transparent huge pages. */
    NO_HUGE_PAGE(15),
    /** {@code MADV_COLD}: first candidates for reclaim. */
    COLD(20),
    /** {@code MADV_PAGEOUT}: reclaim now. */
    PAGE_OUT(21),
    /** {@code MADV_POPULATE_READ} (5.14): fault everything in as if it were read. */
    POPULATE_READ(22),
    /** {@code MADV_POPULATE_WRITE} (5.14): fault everything in as if it were written; breaks copy-on-write. */
    POPULATE_WRITE(23),
    /** {@code MADV_COLLAPSE} (6.1): make huge pages of what is populated, now. */
    COLLAPSE(25);

    private final int number;

    Advice(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }
}
