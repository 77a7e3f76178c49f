package io.guestmem.kvm;

import io.guestmem.abi.SegmentLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A segment register with its hidden part.
 *
 * @param base linear address of the first byte
 * @param limit in bytes, after granularity
 * @param selector the visible part
 * @param type 0 to 15, as in a descriptor
 * @param present whether the descriptor is present
 * @param privilege descriptor privilege level, 0 to 3
 * @param defaultSize 32-bit default operand size (the D/B bit)
 * @param codeOrData false for a system segment (the S bit)
 * @param longMode 64-bit code (the L bit)
 * @param granularity limit in pages (the G bit)
 * @param available the AVL bit
 * @param unusable the segment is not loaded
 */
public record Segment(
        long base,
        int limit,
        int selector,
        int type,
        boolean present,
        int privilege,
        boolean defaultSize,
        boolean codeOrData,
        boolean longMode,
        boolean granularity,
        boolean available,
        boolean unusable) {

    /** Flat 64-bit code, readable and accessed, for the given privilege level. */
    public static Segment longModeCode(int selector, int privilege) {
        return new Segment(0, -1, selector, 11, true, privilege, false, true, true, true, false, false);
    }

    /** Flat writable data, accessed, for the given privilege level. */
    public static Segment flatData(int selector, int privilege) {
        return new Segment(0, -1, selector, 3, true, privilege, true, true, false, true, false, false);
    }

    /**
     * A busy 64-bit task state segment.
     *
     * @param base linear address
     * @param limit its last byte
     */
    public static Segment task(int selector, long base, int limit) {
        return new Segment(base, limit, selector, 11, true, 0, false, false, false, false, false, false);
    }

    static Segment read(MemorySegment sregs, long at) {
        return new Segment(
                sregs.get(ValueLayout.JAVA_LONG, at + SegmentLayout.BASE),
                sregs.get(ValueLayout.JAVA_INT, at + SegmentLayout.LIMIT),
                Short.toUnsignedInt(sregs.get(ValueLayout.JAVA_SHORT, at + SegmentLayout.SELECTOR)),
                sregs.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.TYPE),
                flag(sregs, at + SegmentLayout.PRESENT),
                sregs.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.DPL),
                flag(sregs, at + SegmentLayout.DB),
                flag(sregs, at + SegmentLayout.S),
                flag(sregs, at + SegmentLayout.L),
                flag(sregs, at + SegmentLayout.G),
                flag(sregs, at + SegmentLayout.AVL),
                flag(sregs, at + SegmentLayout.UNUSABLE));
    }

    void write(MemorySegment sregs, long at) {
        sregs.set(ValueLayout.JAVA_LONG, at + SegmentLayout.BASE, base);
        sregs.set(ValueLayout.JAVA_INT, at + SegmentLayout.LIMIT, limit);
        sregs.set(ValueLayout.JAVA_SHORT, at + SegmentLayout.SELECTOR, (short) selector);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.TYPE, (byte) type);
        flag(sregs, at + SegmentLayout.PRESENT, present);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.DPL, (byte) privilege);
        flag(sregs, at + SegmentLayout.DB, defaultSize);
        flag(sregs, at + SegmentLayout.S, codeOrData);
        flag(sregs, at + SegmentLayout.L, longMode);
        flag(sregs, at + SegmentLayout.G, granularity);
        flag(sregs, at + SegmentLayout.AVL, available);
        flag(sregs, at + SegmentLayout.UNUSABLE, unusable);
    }

    private static boolean flag(MemorySegment sregs, long at) {
        return sregs.get(ValueLayout.JAVA_BYTE, at) != 0;
    }

    private static void flag(MemorySegment sregs, long at, boolean value) {
        sregs.set(ValueLayout.JAVA_BYTE, at, (byte) (value ? 1 : 0));
    }
}
