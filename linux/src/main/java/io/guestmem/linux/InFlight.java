package io.guestmem.linux;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Counts the calls in flight on something that can be closed, so that it is released once, after the last of them.
 *
 * <p>Guarantees: {@link #begin} after {@link #close} fails; exactly one of all calls of {@link #end} and {@link #close}
 * returns true, and at that moment no call is in flight and none can begin.
 */
final class InFlight {
    private static final int CLOSED = 1 << 31;

    private static final VarHandle STATE = state();

    /** Number of calls in flight, and {@link #CLOSED}. Written by any thread, through {@link #STATE} only. */
    @SuppressWarnings("unused")
    private volatile int state;

    private static VarHandle state() {
        try {
            return MethodHandles.lookup().findVarHandle(InFlight.class, "state", int.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * A call begins.
     *
     * @param what for the message
     * @throws IllegalStateException if {@link #close} was called
     */
    void begin(Object what) {
        int before;
        do {
            before = state;
            if ((before & CLOSED) != 0) {
                throw new IllegalStateException(what + " is closed");
            }
        } while (!STATE.compareAndSet(this, before, before + 1));
    }

    /** A call ends. Returns whether the caller must now release the thing. */
    boolean end() {
        return (int) STATE.getAndAdd(this, -1) == (CLOSED | 1);
    }

    /** No call begins any more. Returns whether the caller must now release the thing. */
    boolean close() {
        return (int) STATE.getAndBitwiseOr(this, CLOSED) == 0;
    }

    boolean isClosed() {
        return (state & CLOSED) != 0;
    }
}
