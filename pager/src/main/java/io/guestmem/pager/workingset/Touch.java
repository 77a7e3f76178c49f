package io.guestmem.pager.workingset;

/** How a page was first touched. The order is that of the numbers in the file. */
public enum Touch {
    /** It was read, or it is not known that it was written. */
    READ,
    /** It was written. */
    WRITE,
    /** It was installed before anybody asked for it: whether it was touched is not known. */
    AHEAD
}
