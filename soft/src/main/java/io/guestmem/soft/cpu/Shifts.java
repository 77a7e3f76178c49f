package io.guestmem.soft.cpu;

/**
 * Shifts, rotates and single bits. Source: Intel SDM volume 2. A shift by 0 changes no flag.
 */
final class Shifts {
    private Shifts() {}

    /** Five bits of the count matter, six with 64-bit operands. */
    private static int count(Core core, Instruction i) {
        long count = i.source == Instruction.IMMEDIATE ? i.immediate : core.registers.general[Registers.RCX];
        return (int) count & (i.size == 8 ? 63 : 31);
    }

    static void left(Core core, Instruction i) {
        long before = core.loadToChange(i);
        int count = count(core, i);
        int width = 8 * i.size;
        long after = before << count;
        core.change(i, before, after);
        if (count == 0) {
            return;
        }
        boolean carry = count <= width && (before >>> (width - count) & 1) != 0;
        boolean overflow = (after >>> (width - 1) & 1) != 0 != carry;
        set(core, after, i.size, carry, overflow);
    }

    static void right(Core core, Instruction i) {
        long before = core.loadToChange(i);
        int count = count(core, i);
        long after = before >>> count;
        core.change(i, before, after);
        if (count == 0) {
            return;
        }
        boolean overflow = (before >>> (8 * i.size - 1) & 1) != 0;
        set(core, after, i.size, (before >>> (count - 1) & 1) != 0, overflow);
    }

    static void arithmeticRight(Core core, Instruction i) {
        long before = core.loadToChange(i);
        int count = count(core, i);
        long extended = Core.signExtend(before, i.size);
        long after = extended >> count;
        core.change(i, before, after);
        if (count != 0) {
            set(core, after, i.size, (extended >> (count - 1) & 1) != 0, false);
        }
    }

    private static void set(Core core, long result, int size, boolean carry, boolean overflow) {
        long flags = Flags.logic(core.registers.rflags, result, size);
        core.registers.rflags = flags | (carry ? Flags.CF : 0) | (overflow ? Flags.OF : 0);
    }

    static void rotateLeft(Core core, Instruction i) {
        long before = core.loadToChange(i);
        int width = 8 * i.size;
        int masked = count(core, i);
        int count = masked % width;
        long after = count == 0 ? before : before << count | before >>> (width - count);
        core.change(i, before, after);
        if (masked != 0) {
            boolean carry = (after & 1) != 0;
            setRotated(core, carry, (after >>> (width - 1) & 1) != 0 != carry);
        }
    }

    static void rotateRight(Core core, Instruction i) {
        long before = core.loadToChange(i);
        int width = 8 * i.size;
        int masked = count(core, i);
        int count = masked % width;
        long after = count == 0 ? before : before >>> count | before << (width - count);
        core.change(i, before, after);
        if (masked != 0) {
            boolean carry = (after >>> (width - 1) & 1) != 0;
            setRotated(core, carry, (after >>> (width - 2) & 1) != 0 != carry);
        }
    }

    /** Through the carry, one bit after the other. */
    static void rotateCarryLeft(Core core, Instruction i) {
        long before = core.loadToChange(i);
        int width = 8 * i.size;
        int count = count(core, i) % (width + 1);
        long after = before;
        boolean carry = (core.registers.rflags & Flags.CF) != 0;
        for (int n = 0; n < count; n++) {
            boolean out = (after >>> (width - 1) & 1) != 0;
            after = after << 1 | (carry ? 1 : 0);
            carry = out;
        }
        core.change(i, before, after);
        if (count != 0) {
            setRotated(core, carry, (after >>> (width - 1) & 1) != 0 != carry);
        }
    }

    static void rotateCarryRight(Core core, Instruction i) {
        long before = core.loadToChange(i);
        int width = 8 * i.size;
        int count = count(core, i) % (width + 1);
        long after = before;
        boolean carry = (core.registers.rflags & Flags.CF) != 0;
        for (int n = 0; n < count; n++) {
            boolean out = (after & 1) != 0;
            after = Core.truncate(after, i.size) >>> 1 | (carry ? 1L << (width - 1) : 0);
            carry = out;
        }
        core.change(i, before, after);
        if (count != 0) {
            setRotated(core, carry, ((after >>> (width - 1) ^ after >>> (width - 2)) & 1) != 0);
        }
    }

    private static void setRotated(Core core, boolean carry, boolean overflow) {
        long flags = Flags.with(core.registers.rflags, Flags.CF, carry);
        core.registers.rflags = Flags.with(flags, Flags.OF, overflow);
    }

    static void doubleLeft(Core core, Instruction i) {
        long before = core.loadToChange(i);
        long filler = core.loadSource(i);
        int count = doubleCount(core, i);
        int width = 8 * i.size;
        if (count == 0 || count > width) {
            core.change(i, before, before);
            return;
        }
        long after = before << count | (count == width ? filler : filler >>> (width - count));
        core.change(i, before, after);
        boolean sign = ((before ^ after) >>> (width - 1) & 1) != 0;
        set(core, after, i.size, (before >>> (width - count) & 1) != 0, sign);
    }

    static void doubleRight(Core core, Instruction i) {
        long before = core.loadToChange(i);
        long filler = core.loadSource(i);
        int count = doubleCount(core, i);
        int width = 8 * i.size;
        if (count == 0 || count > width) {
            core.change(i, before, before);
            return;
        }
        long after = before >>> count | filler << (width - count);
        core.change(i, before, after);
        boolean sign = ((before ^ after) >>> (width - 1) & 1) != 0;
        set(core, after, i.size, (before >>> (count - 1) & 1) != 0, sign);
    }

    /** The count of the double shifts: the immediate of opcodes A4 and AC, cl of A5 and AD. */
    private static int doubleCount(Core core, Instruction i) {
        long count = (i.selector & 1) == 0 ? i.immediate : core.registers.general[Registers.RCX];
        return (int) count & (i.size == 8 ? 63 : 31);
    }

    static void bitTest(Core core, Instruction i) {
        testBit(core, i, BitChange.NONE);
    }

    static void bitTestAndSet(Core core, Instruction i) {
        testBit(core, i, BitChange.SET);
    }

    static void bitTestAndReset(Core core, Instruction i) {
        testBit(core, i, BitChange.RESET);
    }

    static void bitTestAndComplement(Core core, Instruction i) {
        testBit(core, i, BitChange.COMPLEMENT);
    }

    private enum BitChange {
        NONE,
        SET,
        RESET,
        COMPLEMENT;

        long apply(long value, long mask) {
            return switch (this) {
                case NONE -> value;
                case SET -> value | mask;
                case RESET -> value & ~mask;
                case COMPLEMENT -> value ^ mask;
            };
        }
    }

    /** A bit number in a register may point outside a memory operand, to both sides. */
    private static void testBit(Core core, Instruction i, BitChange change) {
        long number = i.source == Instruction.IMMEDIATE ? i.immediate : Core.signExtend(core.loadSource(i), i.size);
        int width = 8 * i.size;
        long mask = 1L << (number & width - 1);
        long before;
        if (i.target == Instruction.MEMORY && i.source != Instruction.IMMEDIATE) {
            long offset = core.offset(i) + Math.floorDiv(number, width) * i.size;
            boolean write = change != BitChange.NONE;
            long linear = core.linear(i.segment, Core.truncate(offset, i.addressSize), i.size, write);
            before = write ? core.memory.readToWrite(linear, i.size) : core.memory.read(linear, i.size);
            if (write) {
                store(core, i, linear, before, change.apply(before, mask));
            }
        } else if (change == BitChange.NONE) {
            before = core.loadTarget(i);
        } else {
            before = core.loadToChange(i);
            core.change(i, before, change.apply(before, mask));
        }
        core.registers.rflags = Flags.with(core.registers.rflags, Flags.CF, (before & mask) != 0);
    }

    private static void store(Core core, Instruction i, long linear, long before, long after) {
        if (i.lock) {
            core.memory.replace(linear, i.size, before, after);
        } else {
            core.memory.write(linear, i.size, after);
        }
    }

    static void scanForward(Core core, Instruction i) {
        scan(core, i, Long.numberOfTrailingZeros(core.loadSource(i)));
    }

    static void scanReverse(Core core, Instruction i) {
        scan(core, i, 63 - Long.numberOfLeadingZeros(core.loadSource(i)));
    }

    /** Of zero, the target stays as it is. */
    private static void scan(Core core, Instruction i, int found) {
        boolean zero = found < 0 || found == 64;
        if (!zero) {
            core.setRegister(i.target, i.size, found);
        }
        core.registers.rflags = Flags.with(core.registers.rflags, Flags.ZF, zero);
    }

    static void countBits(Core core, Instruction i) {
        if (i.repeat != Instruction.REPEAT) {
            throw core.invalidOpcode();
        }
        long value = core.loadSource(i);
        core.setRegister(i.target, i.size, Long.bitCount(value));
        long flags = core.registers.rflags & ~Flags.ARITHMETIC;
        core.registers.rflags = Flags.with(flags, Flags.ZF, value == 0);
    }

    static void swapBytes(Core core, Instruction i) {
        long value = core.loadTarget(i);
        core.setRegister(i.target, i.size, i.size == 8 ? Long.reverseBytes(value) : Integer.reverseBytes((int) value));
    }
}
