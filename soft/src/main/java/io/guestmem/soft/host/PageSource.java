package io.guestmem.soft.host;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Where a file's content comes from. Called under the host's lock: it must not use an address space. */
@FunctionalInterface
public interface PageSource {
    /**
     * Reads a page whole; what is behind the end of the file stays as it is, zero.
     *
     * @param offset in bytes, a multiple of the page size
     * @param page zeroes, to be filled
     * @throws IOException if the page cannot be read: who touches it gets a bus error
     */
    void read(long offset, MemorySegment page) throws IOException;
}
