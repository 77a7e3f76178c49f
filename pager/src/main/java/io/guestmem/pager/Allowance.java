package io.guestmem.pager;

/** How much may be installed that nobody has asked for yet. */
interface Allowance {
    /** Everything. */
    Allowance ALL = _ -> "";

    /**
     * Asks for more.
     *
     * @param bytes of memory that will be taken
     * @return why that must not be, in one line; empty if it may
     */
    String refuses(long bytes);
}
