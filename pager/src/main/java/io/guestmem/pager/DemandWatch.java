package io.guestmem.pager;

/** Hears of every page that a guest waits for. For the event thread: must not wait and must not allocate. */
interface DemandWatch {
    /** Nobody listens. */
    DemandWatch NONE = (_, _, _) -> {};

    /**
     * A page of the snapshot is waited for, perhaps not for the first time. Pages that the guest gave back and touches again
     * are not the snapshot's.
     *
     * @param page of the guest's map
     * @param write whether somebody writes it
     * @param now in {@link System#nanoTime}
     */
    void demanded(long page, boolean write, long now);
}
