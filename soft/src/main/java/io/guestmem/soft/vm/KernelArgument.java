package io.guestmem.soft.vm;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A request that the kernel makes to itself: the struct is its own. */
record KernelArgument(MemorySegment segment) implements UserArgument {
    /** A struct of zeroes. */
    static KernelArgument ofSize(long size) {
        return new KernelArgument(MemorySegment.ofArray(new long[(int) ((size + 7) / 8)]));
    }

    @Override
    public long value() {
        return 0;
    }

    @Override
    public @Nullable MemorySegment copyIn(long offset, long size) {
        if (offset > segment.byteSize() - size) {
            return null;
        }
        KernelArgument copy = ofSize(size);
        MemorySegment.copy(segment, offset, copy.segment(), 0, size);
        return copy.segment();
    }

    @Override
    public boolean copyOut(long offset, MemorySegment from) {
        if (offset > segment.byteSize() - from.byteSize()) {
            return false;
        }
        MemorySegment.copy(from, 0, segment, offset, from.byteSize());
        return true;
    }
}
