package io.guestmem.soft.confidential;

import java.lang.foreign.MemorySegment;

/** The process and the thread that give a command. */
public interface GuestUser {
    /** Reads where a user pointer leads; false is {@code EFAULT}. */
    boolean read(long pointer, MemorySegment into);

    /** Writes where a user pointer leads; false is {@code EFAULT}. */
    boolean write(long pointer, MemorySegment from);

    /** Whether a signal is pending for the calling thread that it does not block. */
    boolean signalPending();
}
