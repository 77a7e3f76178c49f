package io.guestmem.soft.cpu;

import io.guestmem.abi.SegmentLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A segment register with its hidden part, as {@link SegmentLayout} has it.
 *
 * @param base linear
 * @param limit the last byte, unsigned, granularity applied
 * @param selector 16 bits
 * @param type 4 bits
 * @param present P
 * @param dpl 0 to 3
 * @param db D/B: 32-bit
 * @param s code or data, not a system segment
 * @param l 64-bit code
 * @param g granularity
 * @param avl for software
 * @param unusable loaded with a null selector
 */
record SegmentRegister(
        long base,
        int limit,
        int selector,
        int type,
        boolean present,
        int dpl,
        boolean db,
        boolean s,
        boolean l,
        boolean g,
        boolean avl,
        boolean unusable) {
    static final int ES = 0;
    static final int CS = 1;
    static final int SS = 2;
    static final int DS = 3;
    static final int FS = 4;
    static final int GS = 5;

    private static final int TYPE_CODE = 8;
    private static final int TYPE_EXPANDS_DOWN = 4;
    private static final int TYPE_WRITABLE = 2;
    private static final int TYPE_DATA = 3;
    private static final int TYPE_EXECUTE_READ = 0xB;

    /** A data segment as real mode has it. */
    static SegmentRegister realMode(int selector) {
        return new SegmentRegister(
                (long) selector << 4, 0xFFFF, selector, TYPE_DATA, true, 0, false, true, false, false, false, false);
    }

    /** The code segment after reset: 16 bytes below 4 GiB. */
    static SegmentRegister resetCode() {
        return new SegmentRegister(
                0xFFFF_0000L, 0xFFFF, 0xF000, TYPE_EXECUTE_READ, true, 0, false, true, false, false, false, false);
    }

    /** A system segment after reset: LDTR (type 2) and TR (type 11). */
    static SegmentRegister resetSystem(int type) {
        return new SegmentRegister(0, 0xFFFF, 0, type, true, 0, false, false, false, false, false, false);
    }

    /** What a null selector leaves. */
    static SegmentRegister nullSegment(int selector, int dpl) {
        return new SegmentRegister(0, 0, selector, 0, false, dpl, false, false, false, false, false, true);
    }

    /** A segment as a descriptor of 8 bytes in GDT or LDT describes it. */
    static SegmentRegister ofDescriptor(int selector, long descriptor) {
        boolean granular = (descriptor >>> 55 & 1) != 0;
        int raw = (int) ((descriptor & 0xFFFF) | (descriptor >>> 32 & 0xF_0000));
        return new SegmentRegister(
                (descriptor >>> 16 & 0xFF_FFFF) | (descriptor >>> 32 & 0xFF00_0000L),
                granular ? raw << 12 | 0xFFF : raw,
                selector,
                (int) (descriptor >>> 40) & 0xF,
                (descriptor >>> 47 & 1) != 0,
                (int) (descriptor >>> 45) & 3,
                (descriptor >>> 54 & 1) != 0,
                (descriptor >>> 44 & 1) != 0,
                (descriptor >>> 53 & 1) != 0,
                granular,
                (descriptor >>> 52 & 1) != 0,
                false);
    }

    static SegmentRegister read(MemorySegment from, long at) {
        return new SegmentRegister(
                from.get(ValueLayout.JAVA_LONG, at + SegmentLayout.BASE),
                from.get(ValueLayout.JAVA_INT, at + SegmentLayout.LIMIT),
                Short.toUnsignedInt(from.get(ValueLayout.JAVA_SHORT, at + SegmentLayout.SELECTOR)),
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.TYPE) & 0xF,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.PRESENT) != 0,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.DPL) & 3,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.DB) != 0,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.S) != 0,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.L) != 0,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.G) != 0,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.AVL) != 0,
                from.get(ValueLayout.JAVA_BYTE, at + SegmentLayout.UNUSABLE) != 0);
    }

    void write(MemorySegment to, long at) {
        to.set(ValueLayout.JAVA_LONG, at + SegmentLayout.BASE, base);
        to.set(ValueLayout.JAVA_INT, at + SegmentLayout.LIMIT, limit);
        to.set(ValueLayout.JAVA_SHORT, at + SegmentLayout.SELECTOR, (short) selector);
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.TYPE, (byte) type);
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.PRESENT, flag(present));
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.DPL, (byte) dpl);
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.DB, flag(db));
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.S, flag(s));
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.L, flag(l));
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.G, flag(g));
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.AVL, flag(avl));
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.UNUSABLE, flag(unusable));
        to.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.PADDING, (byte) 0);
    }

    private static byte flag(boolean value) {
        return (byte) (value ? 1 : 0);
    }

    SegmentRegister withBase(long newBase) {
        return new SegmentRegister(newBase, limit, selector, type, present, dpl, db, s, l, g, avl, unusable);
    }

    SegmentRegister withDpl(int newDpl) {
        return new SegmentRegister(base, limit, selector, type, present, newDpl, db, s, l, g, avl, unusable);
    }

    /** As real mode loads it: the base follows from the selector, the rest stays. */
    SegmentRegister withRealModeSelector(int newSelector) {
        return new SegmentRegister(
                (long) newSelector << 4, limit, newSelector, type, present, dpl, db, s, l, g, avl, false);
    }

    boolean isCode() {
        return s && (type & TYPE_CODE) != 0;
    }

    /** Of a code segment: whether it runs at its caller's privilege. */
    boolean isConforming() {
        return (type & TYPE_EXPANDS_DOWN) != 0;
    }

    /** Whether protected mode lets data be written. */
    boolean isWritable() {
        return s && (type & (TYPE_CODE | TYPE_WRITABLE)) == TYPE_WRITABLE;
    }

    /** Whether protected mode lets data be read. */
    boolean isReadable() {
        return s && ((type & TYPE_CODE) == 0 || (type & TYPE_WRITABLE) != 0);
    }

    /** Whether bytes lie inside the limit; 64-bit code does not ask. */
    boolean contains(long offset, int size) {
        long last = offset + size - 1;
        long end = Integer.toUnsignedLong(limit);
        if (isCode() || (type & TYPE_EXPANDS_DOWN) == 0) {
            return last <= end;
        }
        return offset > end && last <= (db ? 0xFFFF_FFFFL : 0xFFFF);
    }
}
