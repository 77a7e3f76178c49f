package io.guestmem.soft.cpu;

/** Addition to comparison, multiplication and division. Source: Intel SDM volume 2. */
final class Arithmetic {
    private Arithmetic() {}

    static void add(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long right = core.loadSource(i);
        long result = left + right;
        core.change(i, left, result);
        core.registers.rflags = Flags.add(core.registers.rflags, left, right, result, i.size);
    }

    static void addWithCarry(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long right = core.loadSource(i);
        long result = left + right + (core.registers.rflags & Flags.CF);
        core.change(i, left, result);
        core.registers.rflags = Flags.add(core.registers.rflags, left, right, result, i.size);
    }

    static void subtract(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long right = core.loadSource(i);
        long result = left - right;
        core.change(i, left, result);
        core.registers.rflags = Flags.subtract(core.registers.rflags, left, right, result, i.size);
    }

    static void subtractWithBorrow(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long right = core.loadSource(i);
        long result = left - right - (core.registers.rflags & Flags.CF);
        core.change(i, left, result);
        core.registers.rflags = Flags.subtract(core.registers.rflags, left, right, result, i.size);
    }

    static void compare(Core core, Instruction i) {
        long left = core.loadTarget(i);
        long right = core.loadSource(i);
        core.registers.rflags = Flags.subtract(core.registers.rflags, left, right, left - right, i.size);
    }

    static void and(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long result = left & core.loadSource(i);
        core.change(i, left, result);
        core.registers.rflags = Flags.logic(core.registers.rflags, result, i.size);
    }

    static void or(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long result = left | core.loadSource(i);
        core.change(i, left, result);
        core.registers.rflags = Flags.logic(core.registers.rflags, result, i.size);
    }

    static void xor(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long result = left ^ core.loadSource(i);
        core.change(i, left, result);
        core.registers.rflags = Flags.logic(core.registers.rflags, result, i.size);
    }

    static void test(Core core, Instruction i) {
        long result = core.loadTarget(i) & core.loadSource(i);
        core.registers.rflags = Flags.logic(core.registers.rflags, result, i.size);
    }

    /** The carry stays. */
    static void increment(Core core, Instruction i) {
        long before = core.loadToChange(i);
        core.change(i, before, before + 1);
        long carry = core.registers.rflags & Flags.CF;
        long flags = Flags.add(core.registers.rflags, before, 1, before + 1, i.size);
        core.registers.rflags = (flags & ~Flags.CF) | carry;
    }

    /** The carry stays. */
    static void decrement(Core core, Instruction i) {
        long before = core.loadToChange(i);
        core.change(i, before, before - 1);
        long carry = core.registers.rflags & Flags.CF;
        long flags = Flags.subtract(core.registers.rflags, before, 1, before - 1, i.size);
        core.registers.rflags = (flags & ~Flags.CF) | carry;
    }

    static void not(Core core, Instruction i) {
        long before = core.loadToChange(i);
        core.change(i, before, ~before);
    }

    static void negate(Core core, Instruction i) {
        long before = core.loadToChange(i);
        core.change(i, before, -before);
        core.registers.rflags = Flags.subtract(core.registers.rflags, 0, before, -before, i.size);
    }

    static void exchangeAndAdd(Core core, Instruction i) {
        long left = core.loadToChange(i);
        long right = core.loadSource(i);
        long result = left + right;
        core.change(i, left, result);
        if (i.target == Instruction.MEMORY || i.target != i.source) {
            core.setRegister(i.source, i.size, left);
        }
        core.registers.rflags = Flags.add(core.registers.rflags, left, right, result, i.size);
    }

    /** The accumulator against the target: equal, the source goes into the target; otherwise the target into the accumulator. */
    static void compareAndExchange(Core core, Instruction i) {
        long expected = core.register(Registers.RAX, i.size);
        long found = core.loadToChange(i);
        boolean equal = expected == found;
        core.change(i, found, equal ? core.loadSource(i) : found);
        if (!equal) {
            core.setRegister(Registers.RAX, i.size, found);
        }
        core.registers.rflags = Flags.subtract(core.registers.rflags, expected, found, expected - found, i.size);
    }

    /** {@code cmpxchg8b}; its kin of 16 bytes is not modelled. */
    static void compareAndExchangeWide(Core core, Instruction i) {
        if (i.selector != 1 || i.target != Instruction.MEMORY || i.size == 8) {
            throw core.emulationFailure();
        }
        long expected = core.register(Registers.RDX, 4) << 32 | core.register(Registers.RAX, 4);
        long wanted = core.register(Registers.RCX, 4) << 32 | core.register(Registers.RBX, 4);
        long linear = core.linear(i.segment, core.offset(i), Long.BYTES, true);
        long found = core.memory.readToWrite(linear, Long.BYTES);
        boolean equal = found == expected;
        core.memory.replace(linear, Long.BYTES, found, equal ? wanted : found);
        if (!equal) {
            core.setRegister(Registers.RAX, 4, found);
            core.setRegister(Registers.RDX, 4, found >>> 32);
        }
        core.registers.rflags = Flags.with(core.registers.rflags, Flags.ZF, equal);
    }

    /** {@code imul} with two or three operands. */
    static void multiplyInto(Core core, Instruction i) {
        long left = Core.signExtend(core.loadTarget(i), i.size);
        multiplySigned(core, i, left, Core.signExtend(core.loadSource(i), i.size));
    }

    static void multiplyImmediate(Core core, Instruction i) {
        multiplySigned(core, i, Core.signExtend(core.loadSource(i), i.size), i.immediate);
    }

    private static void multiplySigned(Core core, Instruction i, long left, long right) {
        long low = left * right;
        boolean fits = i.size == 8 ? Math.multiplyHigh(left, right) == low >> 63 : Core.signExtend(low, i.size) == low;
        core.setRegister(i.target, i.size, low);
        setProductFlags(core, low, i.size, !fits);
    }

    /** {@code mul}: the accumulator times the operand, twice as wide. */
    static void multiplyUnsigned(Core core, Instruction i) {
        long left = core.register(Registers.RAX, i.size);
        long right = core.loadTarget(i);
        long low = left * right;
        long high = i.size == 8 ? Math.unsignedMultiplyHigh(left, right) : low >>> (8 * i.size);
        setWideProduct(core, i.size, low, high);
        setProductFlags(core, low, i.size, high != 0);
    }

    /** {@code imul} with one operand. */
    static void multiplySignedWide(Core core, Instruction i) {
        long left = Core.signExtend(core.register(Registers.RAX, i.size), i.size);
        long right = Core.signExtend(core.loadTarget(i), i.size);
        long low = left * right;
        long high = i.size == 8 ? Math.multiplyHigh(left, right) : low >> (8 * i.size);
        setWideProduct(core, i.size, low, high);
        long sign = Core.signExtend(low, i.size) >> 63;
        setProductFlags(core, low, i.size, Core.truncate(high, i.size) != Core.truncate(sign, i.size));
    }

    private static void setWideProduct(Core core, int size, long low, long high) {
        if (size == 1) {
            core.setRegister(Registers.RAX, 2, low);
        } else {
            core.setRegister(Registers.RAX, size, low);
            core.setRegister(Registers.RDX, size, high);
        }
    }

    private static void setProductFlags(Core core, long low, int size, boolean overflow) {
        long flags = Flags.logic(core.registers.rflags, low, size);
        core.registers.rflags = overflow ? flags | Flags.CF | Flags.OF : flags;
    }

    /** {@code div}. */
    static void divideUnsigned(Core core, Instruction i) {
        long divisor = core.loadTarget(i);
        if (divisor == 0) {
            throw divideError(core);
        }
        if (i.size == 8) {
            divideUnsigned128(core, divisor);
            return;
        }
        long dividend = wideAccumulator(core, i.size);
        long quotient = Long.divideUnsigned(dividend, divisor);
        if (quotient != Core.truncate(quotient, i.size)) {
            throw divideError(core);
        }
        setQuotient(core, i.size, quotient, Long.remainderUnsigned(dividend, divisor));
    }

    private static void divideUnsigned128(Core core, long divisor) {
        long high = core.registers.general[Registers.RDX];
        long low = core.registers.general[Registers.RAX];
        if (Long.compareUnsigned(high, divisor) >= 0) {
            throw divideError(core);
        }
        long quotient = quotient(high, low, divisor);
        setQuotient(core, 8, quotient, low - quotient * divisor);
    }

    /** Of 128 bits by 64, unsigned, bit by bit; the high half is below the divisor. */
    private static long quotient(long high, long low, long divisor) {
        long quotient = 0;
        long remainder = high;
        for (int bit = 63; bit >= 0; bit--) {
            boolean carry = remainder < 0;
            remainder = remainder << 1 | (low >>> bit & 1);
            if (carry || Long.compareUnsigned(remainder, divisor) >= 0) {
                remainder -= divisor;
                quotient |= 1L << bit;
            }
        }
        return quotient;
    }

    /** {@code idiv}. */
    static void divideSigned(Core core, Instruction i) {
        long divisor = Core.signExtend(core.loadTarget(i), i.size);
        if (divisor == 0) {
            throw divideError(core);
        }
        if (i.size == 8) {
            divideSigned128(core, divisor);
            return;
        }
        long dividend = Core.signExtend(wideAccumulator(core, i.size), 2 * i.size);
        long quotient = dividend / divisor;
        if ((dividend == Long.MIN_VALUE && divisor == -1) || quotient != Core.signExtend(quotient, i.size)) {
            throw divideError(core);
        }
        setQuotient(core, i.size, quotient, dividend % divisor);
    }

    private static void divideSigned128(Core core, long divisor) {
        long[] general = core.registers.general;
        long high = general[Registers.RDX];
        long low = general[Registers.RAX];
        boolean negative = high < 0;
        if (negative) {
            high = ~high + (low == 0 ? 1 : 0);
            low = -low;
        }
        long magnitude = Math.abs(divisor);
        if (Long.compareUnsigned(high, magnitude) >= 0) {
            throw divideError(core);
        }
        long quotient = quotient(high, low, magnitude);
        boolean negativeQuotient = negative != (divisor < 0);
        if (negativeQuotient ? Long.compareUnsigned(quotient, Long.MIN_VALUE) > 0 : quotient < 0) {
            throw divideError(core);
        }
        long remainder = low - quotient * magnitude;
        setQuotient(core, 8, negativeQuotient ? -quotient : quotient, negative ? -remainder : remainder);
    }

    private static long wideAccumulator(Core core, int size) {
        return size == 1
                ? core.register(Registers.RAX, 2)
                : core.register(Registers.RDX, size) << (8 * size) | core.register(Registers.RAX, size);
    }

    private static void setQuotient(Core core, int size, long quotient, long remainder) {
        if (size == 1) {
            core.setRegister(Registers.RAX, 2, (quotient & 0xFF) | (remainder & 0xFF) << 8);
        } else {
            core.setRegister(Registers.RAX, size, quotient);
            core.setRegister(Registers.RDX, size, remainder);
        }
    }

    private static Abort divideError(Core core) {
        return core.fault(Exceptions.DIVIDE_ERROR, Exceptions.NO_ERROR_CODE);
    }
}
