package io.guestmem.soft;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** The content of a file that a simulated process maps. Called under the simulated host's lock: it must not call back. */
@FunctionalInterface
public interface FileContent {
    /**
     * Reads a page.
     *
     * @param offset in bytes, a multiple of 4096
     * @param page 4096 zeroes, to be filled; what is behind the end of the file stays as it is
     * @throws IOException if the page cannot be read: who touches it gets a bus error, which is {@code EFAULT} for KVM
     */
    void read(long offset, MemorySegment page) throws IOException;
}
