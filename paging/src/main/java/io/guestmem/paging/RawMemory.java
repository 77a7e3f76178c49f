package io.guestmem.paging;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.foreign.ValueLayout.OfInt;
import java.lang.foreign.ValueLayout.OfLong;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Memory by its native address, little-endian, without a check: twice as fast as through the segment that it came from. Whoever
 * passes an address has compared it with the segment's bounds, and keeps the segment alive.
 *
 * <p>HotSpot compiles at most 15 methods into each other, and a read is the last of six of the JDK's: what is called further away
 * stays a call, of several times the price. So the walks that are made one by one keep the way to a read short, and {@link #LONG}
 * is there for them.
 */
final class RawMemory {
    static final MemorySegment ALL = all();
    private static final OfLong LONGS = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    /** Reads 8 bytes of {@link #ALL} at an address. */
    static final VarHandle LONG = LONGS.varHandle();

    private static final OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ALIGNED_LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle ALIGNED_INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private RawMemory() {}

    @SuppressWarnings("restricted") // the address space of a process; callers only use what they hold
    private static MemorySegment all() {
        return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    }

    static long read64(long address) {
        return (long) LONG.get(ALL, address);
    }

    static int read32(long address) {
        return ALL.get(INT, address);
    }

    static void read(long address, long[] into) {
        MemorySegment.copy(ALL, LONGS, address, into, 0, into.length);
    }

    static boolean compareAndSet64(long address, long expected, long replacement) {
        return ALIGNED_LONG.compareAndSet(ALL, address, expected, replacement);
    }

    static boolean compareAndSet32(long address, int expected, int replacement) {
        return ALIGNED_INT.compareAndSet(ALL, address, expected, replacement);
    }
}
