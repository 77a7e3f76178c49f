package io.guestmem.soft.host;

import java.lang.foreign.MemorySegment;

/**
 * The native memory of this process by plain address, as {@link Frames#address} gives it.
 *
 * <p>Nothing checks that an address is alive: whoever uses one holds what keeps its frame from being released (the address
 * space's lock, or for a vCPU the promise of {@link MmuNotifier#invalidateStart}).
 */
final class NativeMemory {
    /** All of it. A constant, so that the compiler folds its bounds. */
    static final MemorySegment ALL = all();

    private NativeMemory() {}

    @SuppressWarnings("restricted") // frames are reached by number, which no segment of their own could follow
    private static MemorySegment all() {
        return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    }

    static void zero(long address, long bytes) {
        ALL.asSlice(address, bytes).fill((byte) 0);
    }

    static void copy(long from, long to, long bytes) {
        MemorySegment.copy(ALL, from, ALL, to, bytes);
    }
}
