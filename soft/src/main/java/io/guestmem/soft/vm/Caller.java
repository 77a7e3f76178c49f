package io.guestmem.soft.vm;

import io.guestmem.soft.confidential.GuestUser;
import io.guestmem.soft.host.AddressSpace;
import org.jspecify.annotations.Nullable;

/** The process and the thread that make a system call. */
public interface Caller extends GuestUser {
    /** The process's memory; two callers are of one process if theirs is the same. */
    AddressSpace memory();

    /** The process's number. */
    int pid();

    /**
     * Opens a descriptor for a file, the lowest free one.
     *
     * @return the descriptor, or {@code -EMFILE}
     */
    int install(OpenFile file, boolean closeOnExec);

    /** The file of a descriptor, with a reference for the caller to put; null if it is not open. */
    @Nullable
    OpenFile file(int descriptor);

    /** The calling thread's signals. */
    ThreadSignals signals();

    @Override
    default boolean signalPending() {
        return signals().pending();
    }
}
