package io.guestmem.soft.vm;

/** A thread's signals. Bit n − 1 of a mask is signal n. Thread-safe. */
public interface ThreadSignals {
    /** Broken memory was touched. */
    int SIGBUS = 7;

    /** The signals that the thread blocks. */
    long mask();

    /** Whether a signal is pending that is not in a mask. */
    boolean pending(long mask);

    /** Whether a signal is pending that the thread does not block. */
    default boolean pending() {
        return pending(mask());
    }

    /** Sends a signal to the thread. */
    void send(int signal);
}
