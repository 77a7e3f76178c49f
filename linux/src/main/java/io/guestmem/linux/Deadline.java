package io.guestmem.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The end of a wait, so that a wait that a signal interrupts goes on for the time that is left. */
record Deadline(boolean endless, long nanoTime) {
    private static final long NANOSECONDS_A_SECOND = 1_000_000_000;
    private static final Deadline ENDLESS = new Deadline(true, 0);

    /** A wait that begins now; a negative time is for ever, and allocates nothing. */
    static Deadline in(long nanoseconds) {
        return nanoseconds < 0 ? ENDLESS : new Deadline(false, System.nanoTime() + nanoseconds);
    }

    /** Writes what is left and returns its address; 0 for ever. */
    long timespec(MemorySegment into) {
        if (endless) {
            return 0;
        }
        long left = Math.max(0, nanoTime - System.nanoTime());
        into.set(ValueLayout.JAVA_LONG, TimespecLayout.SECONDS, left / NANOSECONDS_A_SECOND);
        into.set(ValueLayout.JAVA_LONG, TimespecLayout.NANOSECONDS, left % NANOSECONDS_A_SECOND);
        return into.address();
    }
}
