package io.guestmem.soft.mmu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * Memory by its native address: the simulated kernel's own tables, and frames. Nothing is checked: whoever passes an address
 * knows that it is alive.
 */
public final class NativeMemory {
    private static final MemorySegment ALL = all();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();

    private NativeMemory() {}

    @SuppressWarnings("restricted") // the address space of a process; callers only use what they allocated
    private static MemorySegment all() {
        return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    }

    /** A segment over a part of memory; it does not keep it alive. */
    public static MemorySegment segment(long address, long size) {
        return ALL.asSlice(address, size);
    }

    /** Reads 8 bytes, seeing everything that was written before the value was published. */
    public static long getAcquire(long address) {
        return (long) LONG.getAcquire(ALL, address);
    }

    /** Reads 8 bytes. */
    public static long get(long address) {
        return ALL.get(ValueLayout.JAVA_LONG, address);
    }

    /** Writes 8 bytes. */
    public static void set(long address, long value) {
        ALL.set(ValueLayout.JAVA_LONG, address, value);
    }

    /** Writes 4 bytes, after everything that was written before. */
    public static void setIntRelease(long address, int value) {
        INT.setRelease(ALL, address, value);
    }

    /** Reads 4 bytes, seeing everything that was written before the value was published. */
    public static int getIntAcquire(long address) {
        return (int) INT.getAcquire(ALL, address);
    }

    /** Replaces 4 bytes if they are as expected. */
    public static boolean compareAndSetInt(long address, int expected, int replacement) {
        return INT.compareAndSet(ALL, address, expected, replacement);
    }

    /** Replaces 8 bytes if they are as expected. */
    public static boolean compareAndSet(long address, long expected, long replacement) {
        return LONG.compareAndSet(ALL, address, expected, replacement);
    }

    /** Replaces 8 bytes and returns what they were. */
    public static long getAndSet(long address, long replacement) {
        return (long) LONG.getAndSet(ALL, address, replacement);
    }

    /** Clears bits and returns what the 8 bytes were. */
    public static long getAndClear(long address, long bits) {
        return (long) LONG.getAndBitwiseAnd(ALL, address, ~bits);
    }
}
