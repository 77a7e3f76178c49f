package io.guestmem.soft.cpu;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Register states and structs that tests start from. */
final class Structs {
    static final long PG_PE_ET_NE_WP =
            ControlBits.CR0_PG | ControlBits.CR0_PE | ControlBits.CR0_ET | 1 << 5 | ControlBits.CR0_WP;
    static final long LME_LMA = ControlBits.EFER_LME | ControlBits.EFER_LMA;

    private Structs() {}

    static MemorySegment cpuid(Arena arena, Cpuid cpuid) {
        int entry = CpuidLayout.ENTRY.size();
        int count = cpuid.entries().size();
        MemorySegment struct = arena.allocate(CpuidLayout.ENTRIES + (long) count * entry, Long.BYTES);
        struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, count);
        for (int i = 0; i < count; i++) {
            cpuid.entries().get(i).write(struct, CpuidLayout.ENTRIES + (long) i * entry);
        }
        return struct;
    }

    static SegmentRegister code(int bits, int dpl) {
        return new SegmentRegister(0, -1, 0x08 | dpl, 0xB, true, dpl, bits == 32, true, bits == 64, true, false, false);
    }

    static SegmentRegister data(int dpl) {
        return new SegmentRegister(0, -1, 0x10 | dpl, 3, true, dpl, true, true, false, true, false, false);
    }

    /** Flat 64-bit code with four levels. */
    static SystemRegisters longMode(SystemRegisters from, long root, int dpl) {
        from.cr0 = PG_PE_ET_NE_WP;
        from.cr3 = root;
        from.cr4 = ControlBits.CR4_PAE;
        from.efer = LME_LMA;
        segments(from, 64, dpl);
        return from;
    }

    /** Flat 32-bit code without paging. */
    static SystemRegisters protectedMode(SystemRegisters from, int dpl) {
        from.cr0 = ControlBits.CR0_PE | ControlBits.CR0_ET;
        from.cr4 = 0;
        from.efer = 0;
        segments(from, 32, dpl);
        return from;
    }

    static void segments(SystemRegisters system, int bits, int dpl) {
        for (int i = 0; i < system.segments.length; i++) {
            system.segments[i] = i == SegmentRegister.CS ? code(bits, dpl) : data(dpl);
        }
    }

    /** Puts a machine into 64-bit mode with memory mapped one to one in pages of 2 MiB, tables at the root. */
    static void enterLongMode(TestMachine machine, long root, int gibibytes, int dpl) {
        PageTableBuilder tables = machine.tables(PagingMode.LEVEL_4, root);
        for (long at = 0; at < (long) gibibytes << 30; at += 2 << 20) {
            tables.map(at, at, 2, PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE | PageTableBuilder.USER);
        }
        if (machine.setSystem(longMode(machine.system(), root, dpl)) != 0) {
            throw new AssertionError("SET_SREGS");
        }
    }
}
