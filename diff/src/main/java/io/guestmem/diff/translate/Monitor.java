package io.guestmem.diff.translate;

import io.guestmem.kvm.DescriptorTable;
import io.guestmem.kvm.Segment;
import io.guestmem.kvm.SystemRegisters;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The guest's own pages, mapped to themselves by the first entry of every root, for the supervisor but for one page:
 *
 * <pre>{@code
 *   0          0x1000   0x2000      0x3000  0x4000 .. 0x7000   0x10000 .. 0x30000
 *   | GDT,     | code   | user's    | stack | PT PD PDPT PML4 | cases: 64 bytes each
 *   | TSS, IDT |        | code      |       |                 |
 * }</pre>
 */
final class Monitor {
    static final long CODE = 0x1000;
    static final long USER_CODE = 0x2000;
    static final long STACK_END = 0x4000;
    static final long CASES = 0x10000;
    static final int MOST_CASES = 0x20000 / AccessRecord.SIZE;
    private static final int USER_DATA_SELECTOR = 0x23;

    private static final long TSS = 0x100;
    private static final long IDT = 0x200;
    private static final long TABLES = GuestRam.MONITOR_TABLES * GuestRam.PAGE;
    private static final int CODE_SELECTOR = 0x08;
    private static final int DATA_SELECTOR = 0x10;
    private static final int TASK_SELECTOR = 0x28;
    private static final int VECTORS = 0x20;
    private static final long INTERRUPT_GATE = 0x8E00;
    private static final long GATE_FOR_USER = 0x6000;
    private static final long USED =
            RandomTables.PRESENT | RandomTables.WRITABLE | RandomTables.ACCESSED | RandomTables.DIRTY;
    private static final long FLAT_CODE_32 = 0x00CF_9B00_0000_FFFFL;
    private static final long FLAT_CODE_64 = 0x00AF_9B00_0000_FFFFL;
    private static final long FLAT_DATA = 0x00CF_9300_0000_FFFFL;
    private static final long FOR_USER = 0x0000_6000_0000_0000L;
    private static final int CODE_TYPE = 11;
    private static final int BUSY_TASK_TYPE = 11;
    private static final int TASK_LIMIT = 0x67;
    /** Not busy: the guest loads it itself, for QEMU's software CPU takes no stack from a task that was busy before. */
    private static final long TASK_DESCRIPTOR = 0x0000_8900_0000_0000L | TSS << 16 | TASK_LIMIT;

    /** Of 64 KiB; the guest moves it to where a descriptor is to be read. */
    private static final long LOCAL_TABLE = 0x0000_8200_0000_FFFFL;

    /** The first descriptor of the local table. */
    static final int LOCAL_SELECTOR = 4;

    private Monitor() {}

    /** Writes everything but the cases, for a mode. */
    static void write(GuestRam ram, PagingMode mode, AccessProgram program) {
        tables(ram, mode);
        MemorySegment real = ram.real();
        boolean wide = mode.isLong();
        long code = wide ? FLAT_CODE_64 : FLAT_CODE_32;
        long[] descriptors = {
            0, code, FLAT_DATA, code | FOR_USER, FLAT_DATA | FOR_USER, TASK_DESCRIPTOR, 0, LOCAL_TABLE, 0
        };
        MemorySegment.copy(descriptors, 0, real, ValueLayout.JAVA_LONG, 0, descriptors.length);
        real.asSlice(TSS, IDT - TSS).fill((byte) 0);
        real.set(ValueLayout.JAVA_INT, TSS + 4, (int) STACK_END);
        real.set(ValueLayout.JAVA_INT, TSS + 8, wide ? 0 : DATA_SELECTOR);
        for (int vector = 0; vector < VECTORS; vector++) {
            gate(real, wide, vector, CODE + program.handler(vector));
        }
        copy(program.supervisorCode(), real, CODE);
        copy(program.userCode(), real, USER_CODE);
    }

    private static void copy(byte[] code, MemorySegment real, long at) {
        MemorySegment.copy(code, 0, real, ValueLayout.JAVA_BYTE, at, code.length);
    }

    private static void gate(MemorySegment real, boolean wide, int vector, long handler) {
        long kind = INTERRUPT_GATE | (vector == AccessProgram.USER_VECTOR ? GATE_FOR_USER : 0);
        long gate = (handler & 0xFFFF) | (long) CODE_SELECTOR << 16 | kind << 32 | handler >>> 16 << 48;
        long at = IDT + vector * (wide ? 16L : 8L);
        real.set(ValueLayout.JAVA_LONG, at, gate);
        if (wide) {
            real.set(ValueLayout.JAVA_LONG, at + 8, 0);
        }
    }

    /** Walks can come here by mistake, so they stand in the model, too. */
    private static void tables(GuestRam ram, PagingMode mode) {
        MemorySegment real = ram.real();
        real.asSlice(TABLES, 4 * GuestRam.PAGE).fill((byte) 0);
        int entrySize = mode.entrySize();
        for (int page = 0; page < GuestRam.MONITOR_PAGES; page++) {
            long gpa = page * GuestRam.PAGE;
            put(
                    real,
                    TABLES + (long) page * entrySize,
                    entrySize,
                    gpa | USED | (gpa == USER_CODE ? RandomTables.USER : 0));
        }
        for (int level = 2; level < mode.levels(); level++) {
            put(real, table(level), entrySize, table(level - 1) | USED | RandomTables.USER);
        }
        if (mode == PagingMode.PAE) {
            put(real, table(2), entrySize, table(1) | USED | RandomTables.USER);
        }
        for (long at = TABLES; at < TABLES + 4 * GuestRam.PAGE; at += Long.BYTES) {
            ram.store(at, real.get(ValueLayout.JAVA_LONG, at));
        }
    }

    private static void put(MemorySegment real, long at, int entrySize, long entry) {
        if (entrySize == Integer.BYTES) {
            real.set(ValueLayout.JAVA_INT, at, (int) entry);
        } else {
            real.set(ValueLayout.JAVA_LONG, at, entry);
        }
    }

    private static long table(int level) {
        return TABLES + (level - 1) * GuestRam.PAGE;
    }

    /** The entry of a root, or in PAE paging of the four registers, that maps the monitor. */
    static long top(PagingMode mode) {
        return mode == PagingMode.PAE
                ? table(2) | RandomTables.PRESENT
                : table(mode.levels() - 1) | USED | RandomTables.USER;
    }

    /** The system registers with which the monitor runs. */
    static SystemRegisters registers(SystemRegisters reset, PagingState state) {
        boolean wide = state.mode().isLong();
        Segment code = new Segment(0, -1, CODE_SELECTOR, CODE_TYPE, true, 0, !wide, true, wide, true, false, false);
        Segment userData = Segment.flatData(USER_DATA_SELECTOR, 3);
        Segment stack = Segment.flatData(DATA_SELECTOR, 0);
        Segment task = new Segment(
                TSS, TASK_LIMIT, TASK_SELECTOR, BUSY_TASK_TYPE, true, 0, false, false, false, false, false, false);
        SystemRegisters.Segments segments = new SystemRegisters.Segments(
                code,
                userData,
                userData,
                userData,
                userData,
                stack,
                task,
                reset.segments().ldt());
        int idtLimit = VECTORS * (wide ? 16 : 8) - 1;
        return new SystemRegisters(
                segments,
                new DescriptorTable(0, 9 * Long.BYTES - 1),
                new DescriptorTable(IDT, idtLimit),
                state.cr0(),
                0,
                state.cr3(),
                state.cr4(),
                0,
                state.efer(),
                reset.apicBase());
    }
}
