package io.guestmem.soft;

import io.guestmem.soft.vm.UserArgument;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A plain value; for requests with a struct it is a pointer. */
record PointerArgument(long value, UserPointers pointers) implements UserArgument {
    @Override
    public @Nullable MemorySegment copyIn(long offset, long size) {
        MemorySegment copy = UserPointers.buffer(size);
        return pointers.read(value + offset, copy) ? copy : null;
    }

    @Override
    public boolean copyOut(long offset, MemorySegment from) {
        return pointers.write(value + offset, from);
    }
}
