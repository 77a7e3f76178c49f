package io.guestmem.soft.host;

/** What a process's page table says about a page. */
public enum HostPageState {
    /** Nothing is there; a fault decides. */
    ABSENT,
    /** The shared zero page, read-only. */
    ZERO_PAGE,
    /** A page that may be read; a write asks first. */
    READ_ONLY,
    /** A page that may be written. */
    WRITABLE,
    /** An anonymous page that another process has too, since a fork; a write copies it. */
    COW_SHARED,
    /** A page behind {@code PROT_NONE}. */
    HIDDEN,
    /** A page in swap. */
    SWAPPED,
    /** A page that broke. */
    POISONED;

    /** Whether the page table has a page, as {@code /proc/PID/pagemap} says. */
    public boolean isPresent() {
        return switch (this) {
            case ABSENT, SWAPPED, POISONED -> false;
            case ZERO_PAGE, READ_ONLY, WRITABLE, COW_SHARED, HIDDEN -> true;
        };
    }
}
