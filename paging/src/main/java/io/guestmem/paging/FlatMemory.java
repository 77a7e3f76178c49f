package io.guestmem.paging;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Physical memory that lies in one piece of ours, from physical address 0 on. As thread-safe as the segment.
 */
public final class FlatMemory implements PhysicalMemory {
    private static final VarHandle LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final MemorySegment segment;
    private final Presence presence;

    /**
     * Memory of the segment's length.
     *
     * @param segment aligned to 8 bytes; if it is read-only, so is the memory
     */
    public FlatMemory(MemorySegment segment) {
        this.segment = segment;
        this.presence = segment.isReadOnly() ? Presence.READ_ONLY : Presence.WRITABLE;
    }

    @Override
    public Presence presence(long address) {
        return address >= 0 && address < segment.byteSize() ? presence : Presence.NONE;
    }

    @Override
    public long read64(long address) {
        return (long) LONG.getOpaque(segment, address);
    }

    @Override
    public int read32(long address) {
        return (int) INT.getOpaque(segment, address);
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        return LONG.compareAndSet(segment, address, expected, replacement);
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        return INT.compareAndSet(segment, address, expected, replacement);
    }
}
