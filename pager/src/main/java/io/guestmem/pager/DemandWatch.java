package io.guestmem.pager;

/** Hears of every page that a guest waits for. For the event thread: must not wait and must not allocate. */
interface DemandWatch {
    /** Nobody listens. */
    DemandWatch NONE = new DemandWatch() {
        @Override
        public void demanded(long page, boolean write, long now) {}

        @Override
        public void demandedAgain(long page) {}
    };

    /**
     * A page of the snapshot is waited for, perhaps not for the first time.
     *
     * @param page of the guest's map
     * @param write whether somebody writes it
     * @param now in {@link System#nanoTime}
     */
    void demanded(long page, boolean write, long now);

    /** A page is waited for that the guest gave back: what it gets is not the snapshot's, from now on. */
    void demandedAgain(long page);
}
