package io.guestmem.soft;

import io.guestmem.abi.UserMemory;
import io.guestmem.soft.host.AddressSpace;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Where a process's pointers lead: into segments that were shown to the kernel, or into the process's simulated memory.
 * Anywhere else is {@code EFAULT}; the memory of the JVM is never touched. Thread-safe.
 */
final class UserPointers {
    private final AddressSpace memory;
    private final List<Exposed> exposed = new CopyOnWriteArrayList<>();

    UserPointers(AddressSpace memory) {
        this.memory = memory;
    }

    /** A segment that the kernel may touch. */
    private final class Exposed implements UserMemory {
        private final MemorySegment segment;
        private final AtomicBoolean closed = new AtomicBoolean();

        Exposed(MemorySegment segment) {
            this.segment = segment;
        }

        @Override
        public long address() {
            return segment.address();
        }

        boolean contains(long pointer, long size) {
            long offset = pointer - segment.address();
            return offset >= 0 && offset <= segment.byteSize() - size;
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                exposed.remove(this);
            }
        }
    }

    UserMemory expose(MemorySegment segment) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException("not native memory: " + segment);
        }
        Exposed shown = new Exposed(segment);
        exposed.add(shown);
        return shown;
    }

    boolean read(long pointer, MemorySegment into) {
        for (Exposed each : exposed) {
            if (each.contains(pointer, into.byteSize())) {
                return copy(each.segment, pointer - each.address(), into, 0, into.byteSize());
            }
        }
        return memory.load(pointer, into) == into.byteSize();
    }

    boolean write(long pointer, MemorySegment from) {
        for (Exposed each : exposed) {
            if (each.contains(pointer, from.byteSize())) {
                return !each.segment.isReadOnly()
                        && copy(from, 0, each.segment, pointer - each.address(), from.byteSize());
            }
        }
        return memory.store(pointer, from) == from.byteSize();
    }

    /** A zeroed buffer for a struct, aligned to 8 bytes. */
    static MemorySegment buffer(long size) {
        return MemorySegment.ofArray(new long[Math.toIntExact((size + 7) >>> 3)])
                .asSlice(0, size);
    }

    /** Copies, unless one of the segments is closed or another thread's. */
    static boolean copy(MemorySegment from, long fromOffset, MemorySegment into, long intoOffset, long size) {
        try {
            MemorySegment.copy(from, fromOffset, into, intoOffset, size);
            return true;
        } catch (IllegalStateException | WrongThreadException _) { // a pointer to memory that is gone
            return false;
        }
    }
}
