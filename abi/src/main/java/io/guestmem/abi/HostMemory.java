package io.guestmem.abi;

import java.lang.foreign.MemorySegment;

/**
 * Memory of the process that VMs belong to, by its host-virtual address: what memslots are backed with.
 *
 * <p>Thread-safe; after {@link #close} the segment refuses access and no memslot may use the range any more.
 */
public interface HostMemory extends AutoCloseable {
    /** The host-virtual address (hva) of the first byte; a multiple of 4096. */
    long hva();

    /** The length in bytes; a multiple of 4096. */
    long length();

    /** The memory, to be read and written by Java code. */
    MemorySegment segment();

    /** Unmaps the memory. Closing twice is allowed. */
    @Override
    void close();
}
