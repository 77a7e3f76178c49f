package io.guestmem.diff;

import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.SregsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/**
 * The guest of every sequence: 64-bit user mode, with the first 8 GiB of its memory mapped to themselves in 2 MiB pages. Its
 * tables and its code lie in a slot of their own, at 0, which the host has written beforehand:
 *
 * <pre>{@code
 * 0      0x1000  0x2000 .. 0x9000   0xA000   0xB000   0xC000
 * | PML4 | PDPT  | page directories | task   | code   |
 * }</pre>
 */
final class GuestCode {
    /** Bytes of the boot slot. */
    static final long BOOT_SIZE = 0xC000;

    /** The boot slot's number. */
    static final int BOOT_SLOT = 500;

    /** What the guest can reach. */
    static final long REACH = 8L << 30;

    /**
     * What is written, by guest and host: {@code out 0x10, al; jmp} back to it. Whatever a guest has written ends a guest that
     * jumps there.
     */
    static final long WORD = 0x2A_FCEB_10E6L;

    /** What {@link GuestAccess#ADD} adds: it leaves the instructions of {@link #WORD} alone. */
    private static final long ADDEND = 1L << 40;

    private static final long PDPT = 0x1000;
    private static final long DIRECTORIES = 0x2000;
    private static final long TASK = 0xA000;
    private static final long CODE = 0xB000;
    private static final long PAGE = 4096;
    private static final long HUGE_PAGE = 2 << 20;
    private static final int GIBIBYTES = 8;

    /** Present, writable, user; accessed and dirty, so that no walk has to write them. */
    private static final long TABLE = 7 | (1 << 5);

    private static final long LEAF = TABLE | (1 << 6) | (1 << 7);
    private static final long TASK_BITMAP_OFFSET = 102;
    private static final int TASK_LIMIT = 104 + 0x800 / 8;
    private static final long RFLAGS_FIXED_IOPL3 = (1 << 1) | (3 << 12);
    private static final long CR0_PE_ET_NE_WP_PG = 1 | (1 << 4) | (1 << 5) | (1 << 16) | (1L << 31);
    private static final long CR4_PAE = 1 << 5;
    private static final long EFER_LME_LMA = (1 << 8) | (1 << 10);

    /** Nothing is mapped there: whoever executes zeroes faults at once. */
    private static final long UNMAPPED = 1L << 46;

    private static final int[] DATA_SEGMENTS = {
        SregsLayout.DS, SregsLayout.ES, SregsLayout.FS, SregsLayout.GS, SregsLayout.SS
    };

    /** {@code loop: ACCESS; add rsi, rdx; dec rcx; jnz loop; out 0x10, al; jmp .}, every 32 bytes another access. */
    private static final String LOOP = "4801d648ffc975f5e610ebfe";

    private static final String[] PROGRAMS = {
        "480306" + LOOP, // add rax, [rsi]
        "48893e" + LOOP, // mov [rsi], rdi
        "488b1e4801fb48891e4801d648ffc975efe610ebfe", // mov rbx, [rsi]; add rbx, rdi; mov [rsi], rbx
        "ffe6" // jmp rsi
    };

    private static final int PROGRAM_SIZE = 32;
    private static final int MOST_COUNT = 4096;

    private GuestCode() {}

    /** The content of the boot slot. */
    static void write(MemorySegment boot) {
        boot.fill((byte) 0);
        boot.set(ValueLayout.JAVA_LONG, 0, PDPT | TABLE);
        for (long gib = 0; gib < GIBIBYTES; gib++) {
            long directory = DIRECTORIES + gib * PAGE;
            boot.set(ValueLayout.JAVA_LONG, PDPT + gib * Long.BYTES, directory | TABLE);
            for (long i = 0; i < 512; i++) {
                boot.set(ValueLayout.JAVA_LONG, directory + i * Long.BYTES, ((gib << 30) + i * HUGE_PAGE) | LEAF);
            }
        }
        boot.set(ValueLayout.JAVA_SHORT, TASK + TASK_BITMAP_OFFSET, (short) 104);
        for (int i = 0; i < PROGRAMS.length; i++) {
            byte[] code = HexFormat.of().parseHex(PROGRAMS[i]);
            MemorySegment.copy(code, 0, boot, ValueLayout.JAVA_BYTE, CODE + (long) i * PROGRAM_SIZE, code.length);
        }
    }

    /** Whether a guest that does that ends, and leaves its own tables and code alone. */
    static boolean ends(Call.Run run) {
        if (run.count() < 1 || run.count() > MOST_COUNT || Math.abs(run.stride()) > HUGE_PAGE) {
            return false;
        }
        if (run.access() == GuestAccess.FETCH) {
            return run.gpa() >= BOOT_SIZE && run.gpa() % Long.BYTES == 0;
        }
        long last = run.gpa() + (run.count() - 1) * run.stride();
        boolean straight = (run.gpa() < 0) == (last < 0);
        return run.access() == GuestAccess.READ || (straight && !isNearBoot(run.gpa()) && !isNearBoot(last));
    }

    private static boolean isNearBoot(long gpa) {
        return gpa > -HUGE_PAGE && gpa < BOOT_SIZE;
    }

    /** The registers with which the guest begins. */
    static void registers(MemorySegment regs, Call.Run run) {
        regs.fill((byte) 0);
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RSI, run.gpa());
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RDX, run.stride());
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RCX, run.count());
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RDI, run.access() == GuestAccess.ADD ? ADDEND : WORD);
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RAX, run.access() == GuestAccess.FETCH ? UNMAPPED : 0);
        regs.set(
                ValueLayout.JAVA_LONG,
                RegsLayout.RIP,
                CODE + (long) Argument.ACCESSES.indexOf(run.access()) * PROGRAM_SIZE);
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RFLAGS, RFLAGS_FIXED_IOPL3);
    }

    /** Changes the special registers to 64-bit user mode. */
    static void systemRegisters(MemorySegment sregs) {
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR0, CR0_PE_ET_NE_WP_PG);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR2, 0);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR3, 0);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR4, CR4_PAE);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.EFER, EFER_LME_LMA);
        segment(sregs, SregsLayout.CS, 0x33, 11, 3, true);
        for (int at : DATA_SEGMENTS) {
            segment(sregs, at, 0x2B, 3, 3, true);
            sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.L, (byte) 0);
            sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.DB, (byte) 1);
        }
        segment(sregs, SregsLayout.TR, 0x40, 11, 0, false);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.TR + SegmentLayout.BASE, TASK);
        sregs.set(ValueLayout.JAVA_INT, SregsLayout.TR + SegmentLayout.LIMIT, TASK_LIMIT);
        sregs.set(ValueLayout.JAVA_BYTE, SregsLayout.TR + SegmentLayout.G, (byte) 0);
    }

    private static void segment(MemorySegment sregs, int at, int selector, int type, int privilege, boolean memory) {
        byte flag = (byte) (memory ? 1 : 0);
        sregs.set(ValueLayout.JAVA_LONG, at + SegmentLayout.BASE, 0);
        sregs.set(ValueLayout.JAVA_INT, at + SegmentLayout.LIMIT, -1);
        sregs.set(ValueLayout.JAVA_SHORT, at + SegmentLayout.SELECTOR, (short) selector);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.TYPE, (byte) type);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.PRESENT, (byte) 1);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.DPL, (byte) privilege);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.DB, (byte) 0);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.S, flag);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.L, flag);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.G, (byte) 1);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.AVL, (byte) 0);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.UNUSABLE, (byte) 0);
    }
}
