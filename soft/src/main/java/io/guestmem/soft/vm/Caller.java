package io.guestmem.soft.vm;

import io.guestmem.soft.host.AddressSpace;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The process and the thread that make a system call. */
public interface Caller {
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

    /** Reads where a user pointer leads; false is {@code EFAULT}. */
    boolean read(long pointer, MemorySegment into);

    /** Writes where a user pointer leads; false is {@code EFAULT}. */
    boolean write(long pointer, MemorySegment from);

    /** The calling thread's signals. */
    ThreadSignals signals();
}
