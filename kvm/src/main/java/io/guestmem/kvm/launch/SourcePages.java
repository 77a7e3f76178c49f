package io.guestmem.kvm.launch;

import io.guestmem.abi.GuestPhysical;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Sources as the kernel wants them: they begin at the beginning of a page. For one thread. */
final class SourcePages {
    private static final long PAGE = GuestPhysical.PAGE_SIZE;

    private MemorySegment buffer = MemorySegment.NULL;

    /** The same bytes at the beginning of a page: in place, or copied and valid until the next call. */
    MemorySegment aligned(MemorySegment content) {
        return content.isNative() && content.address() % PAGE == 0
                ? content
                : room(content.byteSize()).copyFrom(content);
    }

    /** So many zeroes, valid until the next call. */
    MemorySegment zeroes(long length) {
        return room(length).fill((byte) 0);
    }

    private MemorySegment room(long length) {
        if (buffer.byteSize() < length) {
            buffer = Arena.ofAuto().allocate(length, PAGE);
        }
        return buffer.asSlice(0, length);
    }
}
