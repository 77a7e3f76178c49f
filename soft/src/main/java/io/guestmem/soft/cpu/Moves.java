package io.guestmem.soft.cpu;

/** Data from one place to another: moves, the stack, extension, flags as data. Source: Intel SDM volume 2. */
final class Moves {
    /** What {@code popf} cannot set, or sets only with privilege, apart. */
    private static final long POPPED = Flags.ARITHMETIC | Flags.TF | Flags.DF | Flags.NT | Flags.AC | Flags.ID;

    private static final long SAHF = Flags.CF | Flags.PF | Flags.AF | Flags.ZF | Flags.SF;

    private Moves() {}

    static void move(Core core, Instruction i) {
        core.storeTarget(i, core.loadSource(i));
    }

    static void exchange(Core core, Instruction i) {
        long before = core.loadToChange(i);
        long other = core.register(i.source, i.size);
        if (i.target == Instruction.MEMORY) {
            long linear = core.linear(i.segment, core.offset(i), i.size, true);
            core.memory.replace(linear, i.size, before, other);
        } else {
            core.setRegister(i.target, i.size, other);
        }
        core.setRegister(i.source, i.size, before);
    }

    /** {@code nop}, {@code pause}, and with REX.B an exchange. */
    static void exchangeOrNothing(Core core, Instruction i) {
        if (i.target != Registers.RAX) {
            exchange(core, i);
        }
    }

    static void moveSignExtended(Core core, Instruction i) {
        core.setRegister(i.target, i.size, Core.signExtend(core.loadSource(i), i.sourceSize));
    }

    static void loadAddress(Core core, Instruction i) {
        if (i.source != Instruction.MEMORY) {
            throw core.invalidOpcode();
        }
        core.setRegister(i.target, i.size, core.offset(i));
    }

    static void moveIf(Core core, Instruction i) {
        long value = core.loadSource(i);
        boolean taken = Flags.holds(i.selector, core.registers.rflags);
        core.setRegister(i.target, i.size, taken ? value : core.register(i.target, i.size));
    }

    static void setIf(Core core, Instruction i) {
        core.storeTarget(i, Flags.holds(i.selector, core.registers.rflags) ? 1 : 0);
    }

    /** {@code cbw}, {@code cwde}, {@code cdqe}. */
    static void widen(Core core, Instruction i) {
        int half = i.size / 2;
        core.setRegister(Registers.RAX, i.size, Core.signExtend(core.register(Registers.RAX, half), half));
    }

    /** {@code cwd}, {@code cdq}, {@code cqo}. */
    static void spreadSign(Core core, Instruction i) {
        core.setRegister(Registers.RDX, i.size, Core.signExtend(core.register(Registers.RAX, i.size), i.size) >> 63);
    }

    static void push(Core core, Instruction i) {
        core.push(core.loadTarget(i), i.size);
    }

    static void pushImmediate(Core core, Instruction i) {
        core.push(i.immediate, i.size);
    }

    /** The target may be the stack pointer, or lie in memory by the stack pointer's new value. */
    static void pop(Core core, Instruction i) {
        long value = core.peek(0, i.size);
        if (i.target != Instruction.MEMORY) {
            core.dropStack(i.size);
            core.setRegister(i.target, i.size, value);
            return;
        }
        long before = core.registers.general[Registers.RSP];
        core.dropStack(i.size);
        long offset = core.offset(i);
        core.registers.general[Registers.RSP] = before;
        core.memory.write(core.linear(i.segment, offset, i.size, true), i.size, value);
        core.dropStack(i.size);
    }

    static void leave(Core core, Instruction i) {
        int width = core.stackSize();
        long frame = Core.truncate(core.registers.general[Registers.RBP], width);
        long value = core.memory.read(core.linear(SegmentRegister.SS, frame, i.size, false), i.size);
        core.setRegister(Registers.RSP, width, Core.truncate(frame + i.size, width));
        core.setRegister(Registers.RBP, i.size, value);
    }

    static void pushFlags(Core core, Instruction i) {
        core.push(core.registers.rflags & ~(Flags.RF | Flags.VM), i.size);
    }

    static void popFlags(Core core, Instruction i) {
        long value = core.peek(0, i.size);
        long flags = mergeFlags(core, value, i.size);
        core.dropStack(i.size);
        core.setFlags(flags);
    }

    /** Flags from the stack, as far as the privilege level may set them. */
    static long mergeFlags(Core core, long value, int size) {
        long before = core.registers.rflags;
        int cpl = core.system.cpl();
        long mask = POPPED;
        if (cpl == 0) {
            mask |= Flags.IOPL;
        }
        if (cpl <= (before & Flags.IOPL) >> Flags.IOPL_SHIFT) {
            mask |= Flags.IF;
        }
        if (size == 2) {
            mask &= 0xFFFF;
        }
        return (before & ~(mask | Flags.RF)) | (value & mask) | Flags.FIXED;
    }

    static void loadFlagsIntoAh(Core core, Instruction i) {
        core.setRegister(Instruction.HIGH_BYTE, 1, (core.registers.rflags & SAHF) | Flags.FIXED);
    }

    static void storeAhIntoFlags(Core core, Instruction i) {
        long flags = core.register(Instruction.HIGH_BYTE, 1) & SAHF;
        core.registers.rflags = (core.registers.rflags & ~SAHF) | flags;
    }

    static void clearCarry(Core core, Instruction i) {
        core.registers.rflags &= ~Flags.CF;
    }

    static void setCarry(Core core, Instruction i) {
        core.registers.rflags |= Flags.CF;
    }

    static void complementCarry(Core core, Instruction i) {
        core.registers.rflags ^= Flags.CF;
    }

    static void clearDirection(Core core, Instruction i) {
        core.registers.rflags &= ~Flags.DF;
    }

    static void setDirection(Core core, Instruction i) {
        core.registers.rflags |= Flags.DF;
    }

    static void nothing(Core core, Instruction i) {}
}
