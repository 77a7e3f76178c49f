package io.guestmem.conform;

import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.SregsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Special registers for long mode and protected mode. Source: AMD APM volume 2, chapters 4 and 5. */
final class LongMode {
    /** Present, writable, user. */
    static final long TABLE = 7;

    /** A table entry that maps a large page itself. */
    static final long LEAF = TABLE | 1 << 7;

    static final long CR0_PE = 1;
    static final long CR0_WP = 1 << 16;
    static final long CR0_PG = 1L << 31;
    static final long CR4_PSE = 1 << 4;
    static final long CR4_PAE = 1 << 5;
    static final long CR4_LA57 = 1 << 12;
    static final long CR4_SMAP = 1 << 21;
    static final long EFER_LME = 1 << 8;
    static final long EFER_LMA = 1 << 10;
    static final long EFER_NX = 1 << 11;

    private static final long CR0_ET_NE = 1 << 4 | 1 << 5;
    private static final int USER = 3;
    private static final int CODE = 11;
    private static final int DATA = 3;
    private static final int BUSY_TASK = 11;
    private static final int USER_CODE = 0x30 | USER;
    private static final int USER_DATA = 0x28 | USER;
    private static final int TASK = 0x40;

    /** A task state segment whose I/O bitmap lets user mode reach every port below 0x800. */
    private static final int TASK_LIMIT = 104 + 0x800 / 8;

    private static final long TASK_BITMAP_OFFSET = 102;

    private static final int[] DATA_SEGMENTS = {
        SregsLayout.DS, SregsLayout.ES, SregsLayout.FS, SregsLayout.GS, SregsLayout.SS
    };

    private LongMode() {}

    /** 64-bit user mode. */
    static void user(MemorySegment sregs, long cr3, long task) {
        paging(sregs, cr3);
        segment(sregs, SregsLayout.CS, USER_CODE, CODE, USER, true);
        for (int at : DATA_SEGMENTS) {
            segment(sregs, at, USER_DATA, DATA, USER, true);
            set8(sregs, at + SegmentLayout.L, 0);
            set8(sregs, at + SegmentLayout.DB, 1);
        }
        segment(sregs, SregsLayout.TR, TASK, BUSY_TASK, 0, false);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.TR + SegmentLayout.BASE, task);
        sregs.set(ValueLayout.JAVA_INT, SregsLayout.TR + SegmentLayout.LIMIT, TASK_LIMIT);
        set8(sregs, SregsLayout.TR + SegmentLayout.G, 0);
    }

    /** 64-bit supervisor mode: what {@code KVM_TRANSLATE} walks in. */
    static void supervisor(MemorySegment sregs, long cr3) {
        paging(sregs, cr3);
        segment(sregs, SregsLayout.CS, 0x10, CODE, 0, true);
        for (int at : DATA_SEGMENTS) {
            segment(sregs, at, 0x18, DATA, 0, true);
            set8(sregs, at + SegmentLayout.L, 0);
            set8(sregs, at + SegmentLayout.DB, 1);
        }
    }

    /** 32-bit supervisor mode, paging off. */
    static void protectedMode(MemorySegment sregs) {
        supervisor(sregs, 0);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR0, CR0_PE | CR0_ET_NE | CR0_WP);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR4, 0);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.EFER, 0);
        set8(sregs, SregsLayout.CS + SegmentLayout.L, 0);
        set8(sregs, SregsLayout.CS + SegmentLayout.DB, 1);
    }

    private static void paging(MemorySegment sregs, long cr3) {
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR0, CR0_PE | CR0_ET_NE | CR0_WP | CR0_PG);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR3, cr3);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR4, CR4_PAE);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.EFER, EFER_LME | EFER_LMA);
    }

    private static void segment(MemorySegment sregs, int at, int selector, int type, int privilege, boolean memory) {
        sregs.set(ValueLayout.JAVA_LONG, at + SegmentLayout.BASE, 0);
        sregs.set(ValueLayout.JAVA_INT, at + SegmentLayout.LIMIT, -1);
        sregs.set(ValueLayout.JAVA_SHORT, at + SegmentLayout.SELECTOR, (short) selector);
        set8(sregs, at + SegmentLayout.TYPE, type);
        set8(sregs, at + SegmentLayout.PRESENT, 1);
        set8(sregs, at + SegmentLayout.DPL, privilege);
        set8(sregs, at + SegmentLayout.DB, 0);
        set8(sregs, at + SegmentLayout.S, memory ? 1 : 0);
        set8(sregs, at + SegmentLayout.L, memory ? 1 : 0);
        set8(sregs, at + SegmentLayout.G, 1);
        set8(sregs, at + SegmentLayout.AVL, 0);
        set8(sregs, at + SegmentLayout.UNUSABLE, 0);
    }

    private static void set8(MemorySegment sregs, int at, int value) {
        sregs.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    /** Lets user mode use every port of the bitmap, which is all zeroes. */
    static void openPorts(MemorySegment task) {
        task.set(ValueLayout.JAVA_SHORT, TASK_BITMAP_OFFSET, (short) 104);
    }
}
