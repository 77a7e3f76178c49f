package io.guestmem.soft.cpu;

/** Jumps, calls and returns. Source: Intel SDM volume 2. */
final class Branches {
    private Branches() {}

    static void jump(Core core, Instruction i) {
        core.jump(relative(core, i));
    }

    private static long relative(Core core, Instruction i) {
        return target(i, core.nextRip + i.immediate);
    }

    /** With 16-bit operands only 16 bits of the target are left. */
    private static long target(Instruction i, long rip) {
        return i.size == 2 ? rip & 0xFFFF : rip;
    }

    static void jumpIf(Core core, Instruction i) {
        if (Flags.holds(i.selector, core.registers.rflags)) {
            core.jump(relative(core, i));
        }
    }

    static void jumpTo(Core core, Instruction i) {
        core.jump(core.loadTarget(i));
    }

    static void call(Core core, Instruction i) {
        callTo(core, i, relative(core, i));
    }

    static void callIndirect(Core core, Instruction i) {
        callTo(core, i, core.loadTarget(i));
    }

    private static void callTo(Core core, Instruction i, long target) {
        long back = core.nextRip;
        core.jump(target);
        core.push(back, i.size);
    }

    static void returnNear(Core core, Instruction i) {
        core.jump(core.peek(0, i.size));
        core.dropStack(i.size);
    }

    static void returnAndDrop(Core core, Instruction i) {
        core.jump(core.peek(0, i.size));
        core.dropStack(i.size + (int) i.immediate);
    }

    /** {@code jrcxz} and its narrower kin. */
    static void jumpIfCountIsZero(Core core, Instruction i) {
        if (core.register(Registers.RCX, i.addressSize) == 0) {
            core.jump(relative(core, i));
        }
    }

    /** {@code loop}, {@code loope}, {@code loopne}. */
    static void loop(Core core, Instruction i) {
        long count = Core.truncate(core.registers.general[Registers.RCX] - 1, i.addressSize);
        boolean zero = (core.registers.rflags & Flags.ZF) != 0;
        boolean wanted = switch (i.selector) {
            case 0 -> !zero;
            case 1 -> zero;
            default -> true;
        };
        if (count != 0 && wanted) {
            core.jump(relative(core, i));
        }
        core.setRegister(Registers.RCX, i.addressSize, count);
    }

    static void jumpFar(Core core, Instruction i) {
        Descriptors.jumpFar(core, i.farSelector, Core.truncate(i.immediate, i.size));
    }

    static void jumpFarIndirect(Core core, Instruction i) {
        if (i.target != Instruction.MEMORY) {
            throw core.invalidOpcode();
        }
        long offset = core.offset(i);
        long rip = core.memory.read(core.linear(i.segment, offset, i.size, false), i.size);
        long selector = core.memory.read(core.linear(i.segment, offset + i.size, 2, false), 2);
        Descriptors.jumpFar(core, (int) selector, rip);
    }

    static void returnFar(Core core, Instruction i) {
        long rip = core.peek(0, i.size);
        int selector = (int) core.peek(i.size, i.size) & 0xFFFF;
        if (core.system.isProtected() && (selector & 3) != core.system.cpl()) {
            throw core.emulationFailure();
        }
        Descriptors.jumpFar(core, selector, rip);
        core.dropStack(2 * i.size);
    }
}
