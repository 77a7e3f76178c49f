package io.guestmem.soft.mmu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/** Native memory of the simulated kernel itself: stage-2 tables, and the pages that vCPUs share with their process. Thread-safe. */
public final class KernelMemory {
    private final AtomicLong bytes = new AtomicLong();

    /** No memory yet. */
    public KernelMemory() {}

    /** The bytes that are allocated now. */
    public long bytes() {
        return bytes.get();
    }

    /** Memory that goes together. */
    public Area open() {
        return new Area();
    }

    /** Allocates until it is closed, which frees all of it. */
    public final class Area implements AutoCloseable {
        private final Arena arena = Arena.ofShared();
        private final AtomicLong taken = new AtomicLong();

        private Area() {}

        /** Zeroed memory. */
        public MemorySegment allocate(long size, long alignment) {
            MemorySegment made = arena.allocate(size, alignment);
            taken.addAndGet(size);
            bytes.addAndGet(size);
            return made;
        }

        @Override
        public void close() {
            arena.close();
            bytes.addAndGet(-taken.get());
        }
    }
}
