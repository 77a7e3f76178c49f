package io.guestmem.soft.cpu;

/**
 * String instructions. Each iteration is complete in itself: registers are changed after its last access, so that an exit in the
 * middle of a repetition goes on where it was. Source: Intel SDM volume 2.
 */
final class Strings {
    /** So many iterations until signals are looked at again. */
    private static final int MOST_ITERATIONS = 512;

    private Strings() {}

    /** One iteration. */
    @FunctionalInterface
    private interface Iteration {
        void run(Core core, Instruction i);
    }

    static void move(Core core, Instruction i) {
        repeat(core, i, Strings::moveOne, false);
    }

    static void store(Core core, Instruction i) {
        repeat(core, i, Strings::storeOne, false);
    }

    static void load(Core core, Instruction i) {
        repeat(core, i, Strings::loadOne, false);
    }

    static void compare(Core core, Instruction i) {
        repeat(core, i, Strings::compareOne, true);
    }

    static void scan(Core core, Instruction i) {
        repeat(core, i, Strings::scanOne, true);
    }

    private static void repeat(Core core, Instruction i, Iteration iteration, boolean compares) {
        if (i.repeat == Instruction.NO_REPEAT) {
            iteration.run(core, i);
            return;
        }
        for (int n = 0; n < MOST_ITERATIONS; n++) {
            long count = core.register(Registers.RCX, i.addressSize);
            if (count == 0) {
                return;
            }
            iteration.run(core, i);
            core.mmio.forget();
            core.setRegister(Registers.RCX, i.addressSize, count - 1);
            if (count == 1 || (compares && ends(core, i))) {
                return;
            }
            if (core.mmio.hasWrites()) {
                break;
            }
        }
        core.nextRip = core.registers.rip;
        core.code.jumped();
    }

    private static boolean ends(Core core, Instruction i) {
        boolean equal = (core.registers.rflags & Flags.ZF) != 0;
        return equal != (i.repeat == Instruction.REPEAT);
    }

    private static long source(Core core, Instruction i) {
        return core.linear(i.segment, core.register(Registers.RSI, i.addressSize), i.size, false);
    }

    private static long destination(Core core, Instruction i, boolean write) {
        return core.linear(SegmentRegister.ES, core.register(Registers.RDI, i.addressSize), i.size, write);
    }

    private static void advance(Core core, Instruction i, int register) {
        long step = (core.registers.rflags & Flags.DF) != 0 ? -i.size : i.size;
        core.setRegister(register, i.addressSize, core.registers.general[register] + step);
    }

    private static void moveOne(Core core, Instruction i) {
        core.memory.write(destination(core, i, true), i.size, core.memory.read(source(core, i), i.size));
        advance(core, i, Registers.RSI);
        advance(core, i, Registers.RDI);
    }

    private static void storeOne(Core core, Instruction i) {
        core.memory.write(destination(core, i, true), i.size, core.registers.general[Registers.RAX]);
        advance(core, i, Registers.RDI);
    }

    private static void loadOne(Core core, Instruction i) {
        core.setRegister(Registers.RAX, i.size, core.memory.read(source(core, i), i.size));
        advance(core, i, Registers.RSI);
    }

    private static void compareOne(Core core, Instruction i) {
        long left = core.memory.read(source(core, i), i.size);
        long right = core.memory.read(destination(core, i, false), i.size);
        core.registers.rflags = Flags.subtract(core.registers.rflags, left, right, left - right, i.size);
        advance(core, i, Registers.RSI);
        advance(core, i, Registers.RDI);
    }

    private static void scanOne(Core core, Instruction i) {
        long left = core.register(Registers.RAX, i.size);
        long right = core.memory.read(destination(core, i, false), i.size);
        core.registers.rflags = Flags.subtract(core.registers.rflags, left, right, left - right, i.size);
        advance(core, i, Registers.RDI);
    }
}
