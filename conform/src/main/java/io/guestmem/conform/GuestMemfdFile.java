package io.guestmem.conform;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;

/**
 * A guest_memfd as a file.
 *
 * @param file owned by the trial
 */
record GuestMemfdFile(KvmFile file) {
    private static final int KEEP_SIZE = 1;
    private static final int PUNCH_HOLE = 2;

    int descriptor() {
        return file.descriptor();
    }

    long allocate(long offset, long length) {
        return file.allocate(KEEP_SIZE, offset, length);
    }

    long punch(long offset, long length) {
        return file.allocate(KEEP_SIZE | PUNCH_HOLE, offset, length);
    }

    /** Maps its beginning; the trial must own the result. */
    HostMemory map(long length) {
        return file.map(0, length);
    }
}
