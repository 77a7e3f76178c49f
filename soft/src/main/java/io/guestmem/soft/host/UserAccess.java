package io.guestmem.soft.host;

import java.lang.foreign.MemorySegment;

/** A process that reads and writes its own memory: each page is faulted in as the processor would, then copied. */
final class UserAccess {
    private final AddressSpace space;

    UserAccess(AddressSpace space) {
        this.space = space;
    }

    /** Copies between the process's memory and a segment; see {@link AddressSpace#load} for the answer. */
    long copy(long hva, MemorySegment segment, boolean store) {
        long done = 0;
        while (done < segment.byteSize()) {
            long at = hva + done;
            long bytes = Math.min(segment.byteSize() - done, Level.down(at, Level.SMALL) + Level.PAGE - at);
            while (!copyPage(at, segment, done, bytes, store)) {
                long fault = space.faultIn(at, store);
                if (!HostFault.isPage(fault)) {
                    return done > 0 ? done : fault;
                }
            }
            done += bytes;
        }
        return done;
    }

    /** Under the lock, so that the frame cannot be released meanwhile; answers false if the page is not there. */
    private boolean copyPage(long hva, MemorySegment segment, long offset, long bytes, boolean store) {
        space.host.lock();
        try {
            long entry = space.table.lookup(hva);
            if (!Entry.allows(entry, store)) {
                return false;
            }
            long pfn = HostFault.pfn(Entry.fault(entry, hva));
            long address = space.frames.address(pfn) + (hva & Level.PAGE - 1);
            if (store) {
                MemorySegment.copy(segment, offset, NativeMemory.ALL, address, bytes);
            } else {
                MemorySegment.copy(NativeMemory.ALL, address, segment, offset, bytes);
            }
            return true;
        } finally {
            space.host.unlock();
        }
    }
}
