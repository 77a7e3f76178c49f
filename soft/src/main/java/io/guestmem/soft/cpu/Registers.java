package io.guestmem.soft.cpu;

import io.guestmem.abi.RegsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The general registers, in the order in which instructions number them, and rip and rflags.
 */
final class Registers {
    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RBX = 3;
    static final int RSP = 4;
    static final int RBP = 5;
    static final int RSI = 6;
    static final int RDI = 7;
    static final int R11 = 11;
    static final int COUNT = 16;

    /** By number; offsets of {@link RegsLayout}. */
    private static final int[] LAYOUT = {
        RegsLayout.RAX,
        RegsLayout.RCX,
        RegsLayout.RDX,
        RegsLayout.RBX,
        RegsLayout.RSP,
        RegsLayout.RBP,
        RegsLayout.RSI,
        RegsLayout.RDI,
        RegsLayout.R8,
        RegsLayout.R9,
        RegsLayout.R10,
        RegsLayout.R11,
        RegsLayout.R12,
        RegsLayout.R13,
        RegsLayout.R14,
        RegsLayout.R15
    };

    private static final long RESET_RIP = 0xFFF0;
    private static final long RESET_RDX = 0x600;

    /** By number. */
    final long[] general = new long[COUNT];

    long rip;
    long rflags;

    Registers() {
        reset(RESET_RDX);
    }

    /**
     * As INIT and RESET leave them.
     *
     * @param signature of the processor, for rdx: CPUID leaf 1
     */
    void reset(long signature) {
        Arrays.fill(general, 0);
        general[RDX] = signature;
        rip = RESET_RIP;
        rflags = Flags.FIXED;
    }

    void copyFrom(Registers other) {
        System.arraycopy(other.general, 0, general, 0, COUNT);
        rip = other.rip;
        rflags = other.rflags;
    }

    void writeTo(MemorySegment regs) {
        for (int i = 0; i < COUNT; i++) {
            regs.set(ValueLayout.JAVA_LONG, LAYOUT[i], general[i]);
        }
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RIP, rip);
        regs.set(ValueLayout.JAVA_LONG, RegsLayout.RFLAGS, rflags);
    }

    /** Bit 1 of rflags is always set. Source: Linux 7.2 {@code regs.c:__set_regs}. */
    void readFrom(MemorySegment regs) {
        for (int i = 0; i < COUNT; i++) {
            general[i] = regs.get(ValueLayout.JAVA_LONG, LAYOUT[i]);
        }
        rip = regs.get(ValueLayout.JAVA_LONG, RegsLayout.RIP);
        rflags = regs.get(ValueLayout.JAVA_LONG, RegsLayout.RFLAGS) | Flags.FIXED;
    }
}
