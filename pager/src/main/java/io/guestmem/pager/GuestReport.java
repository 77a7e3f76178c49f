package io.guestmem.pager;

/** What serving a guest has to say. */
interface GuestReport {
    /** A file of the snapshot has become shorter. */
    void sourceShrunk();

    /** Something that should not come, and that serving goes on after. */
    void unexpected(String what);

    /**
     * A page could not be had.
     *
     * @param offset in the memory file
     * @param reason one line
     * @param applied what must be done, or for {@link FailurePolicy#POISON} was
     */
    void failed(long offset, String reason, FailurePolicy applied);
}
