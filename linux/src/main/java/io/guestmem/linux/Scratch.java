package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Native memory of the running thread for the small argument of one system call, so that no call allocates.
 *
 * <p>Its content is worth nothing once another call of this package was made: fill it, make the call, read it.
 */
final class Scratch {
    private static final long SIZE = 64;

    private static final ThreadLocal<MemorySegment> OF_THREAD =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(SIZE, Long.BYTES));

    private Scratch() {}

    /** 64 bytes, aligned to 8, with old content; alive as long as the thread. */
    static MemorySegment get() {
        return OF_THREAD.get();
    }
}
