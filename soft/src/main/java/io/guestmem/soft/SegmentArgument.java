package io.guestmem.soft;

import io.guestmem.soft.vm.UserArgument;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A struct that a program passes as a segment: what is not in the segment is {@code EFAULT}. */
record SegmentArgument(MemorySegment segment) implements UserArgument {
    @Override
    public long value() {
        return segment.address();
    }

    @Override
    public @Nullable MemorySegment copyIn(long offset, long size) {
        MemorySegment copy = UserPointers.buffer(size);
        return inside(offset, size) && UserPointers.copy(segment, offset, copy, 0, size) ? copy : null;
    }

    @Override
    public boolean copyOut(long offset, MemorySegment from) {
        return !segment.isReadOnly()
                && inside(offset, from.byteSize())
                && UserPointers.copy(from, 0, segment, offset, from.byteSize());
    }

    private boolean inside(long offset, long size) {
        return offset >= 0 && offset <= segment.byteSize() - size;
    }
}
