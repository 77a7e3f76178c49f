package io.guestmem.soft.cpu;

import io.guestmem.soft.mmu.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * Guest memory by the native addresses that {@link io.guestmem.soft.mmu.GuestAccess} gives. Values are unsigned.
 */
final class RawMemory {
    private static final MemorySegment ALL = NativeMemory.segment(0, Long.MAX_VALUE);
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private RawMemory() {}

    static long get(long address, int size) {
        return switch (size) {
            case 1 -> Byte.toUnsignedLong(ALL.get(ValueLayout.JAVA_BYTE, address));
            case 2 -> Short.toUnsignedLong(ALL.get(ValueLayout.JAVA_SHORT_UNALIGNED, address));
            case 4 -> Integer.toUnsignedLong(ALL.get(ValueLayout.JAVA_INT_UNALIGNED, address));
            default -> ALL.get(ValueLayout.JAVA_LONG_UNALIGNED, address);
        };
    }

    static long get64(long address) {
        return ALL.get(ValueLayout.JAVA_LONG_UNALIGNED, address);
    }

    static void set(long address, int size, long value) {
        switch (size) {
            case 1 -> ALL.set(ValueLayout.JAVA_BYTE, address, (byte) value);
            case 2 -> ALL.set(ValueLayout.JAVA_SHORT_UNALIGNED, address, (short) value);
            case 4 -> ALL.set(ValueLayout.JAVA_INT_UNALIGNED, address, (int) value);
            default -> ALL.set(ValueLayout.JAVA_LONG_UNALIGNED, address, value);
        }
    }

    /** Replaces a value if it is as expected; atomic if it is aligned, as KVM's emulator has it. */
    static boolean compareAndSet(long address, int size, long expected, long value) {
        if (address % size != 0) {
            if (get(address, size) != expected) {
                return false;
            }
            set(address, size, value);
            return true;
        }
        return switch (size) {
            case 4 -> INT.compareAndSet(ALL, address, (int) expected, (int) value);
            case 8 -> LONG.compareAndSet(ALL, address, expected, value);
            default -> compareAndSetPart(address, size, expected, value);
        };
    }

    /** One or two bytes, inside the four that they are part of; the JDK has no narrower exchange in memory. */
    private static boolean compareAndSetPart(long address, int size, long expected, long value) {
        long whole = address & -4;
        int shift = (int) (address - whole) * 8;
        int mask = (size == 1 ? 0xFF : 0xFFFF) << shift;
        int before;
        int after;
        do {
            before = (int) INT.getVolatile(ALL, whole);
            if ((before & mask) != (int) expected << shift) {
                return false;
            }
            after = (before & ~mask) | ((int) value << shift & mask);
        } while (!INT.compareAndSet(ALL, whole, before, after));
        return true;
    }
}
