package io.guestmem.soft.cpu;

import io.guestmem.paging.Access;

/**
 * Exceptions and interrupts into the guest, through its interrupt descriptor table, in real mode, protected mode and long mode.
 *
 * <p>Source: Intel SDM volume 3, 6; AMD APM volume 2, 8. Task gates and 16-bit gates are not modelled.
 */
final class Exceptions {
    static final int DIVIDE_ERROR = 0;
    static final int BREAKPOINT = 3;
    static final int INVALID_OPCODE = 6;
    static final int DOUBLE_FAULT = 8;
    static final int NOT_PRESENT = 11;
    static final int STACK_FAULT = 12;
    static final int GENERAL_PROTECTION = 13;
    static final int PAGE_FAULT = 14;

    static final int NO_ERROR_CODE = -1;

    private static final int INVALID_TSS = 10;
    private static final int INTERRUPT_GATE = 0xE;
    private static final int TRAP_GATE = 0xF;
    private static final int IDT_ERROR = 2;
    private static final int EXTERNAL = 1;
    private static final long CLEARED = Flags.TF | Flags.NT | Flags.RF | Flags.VM;
    private static final int RSP0 = 4;
    private static final int IST1 = 36;

    private static final int NO_INTERRUPT = -1;

    private final Core core;

    /** An interrupt that {@code KVM_SET_SREGS} has put back, to be delivered at the next entry. */
    private int interrupt = NO_INTERRUPT;

    Exceptions(Core core) {
        this.core = core;
    }

    boolean hasInterrupt() {
        return interrupt != NO_INTERRUPT;
    }

    /** The pending interrupt's vector. */
    int interrupt() {
        return interrupt;
    }

    /** The interrupt's vector; it is not pending any more. */
    int takeInterrupt() {
        int taken = interrupt;
        interrupt = NO_INTERRUPT;
        return taken;
    }

    void setInterrupt(int vector) {
        interrupt = vector;
    }

    void reset() {
        interrupt = NO_INTERRUPT;
    }

    /**
     * Delivers an exception, or the double fault that comes of it.
     *
     * @return false for a triple fault
     * @throws Abort with an exit, if memory makes one; everything is as before then
     */
    boolean deliver(int vector, int errorCode) {
        int current = vector;
        int error = errorCode;
        while (true) {
            try {
                enter(current, error, false);
                return true;
            } catch (Abort second) {
                if (second.kind() == Abort.Kind.AGAIN) {
                    continue;
                }
                if (second.kind() != Abort.Kind.EXCEPTION) {
                    throw second;
                }
                if (current == DOUBLE_FAULT && !isBenign(second.vector())) {
                    return false;
                }
                boolean doubled = makesDouble(current, second.vector());
                current = doubled ? DOUBLE_FAULT : second.vector();
                error = doubled ? 0 : second.errorCode();
            }
        }
    }

    /** {@code int n}, {@code int3}: the gate must be for this privilege level. */
    void software(int vector) {
        enter(vector, NO_ERROR_CODE, true);
    }

    private static boolean isContributory(int vector) {
        return vector == DIVIDE_ERROR || (vector >= INVALID_TSS && vector <= GENERAL_PROTECTION);
    }

    private static boolean isBenign(int vector) {
        return !isContributory(vector) && vector != PAGE_FAULT;
    }

    private static boolean makesDouble(int first, int second) {
        return (isContributory(first) && isContributory(second)) || (first == PAGE_FAULT && !isBenign(second));
    }

    /** The address that the handler returns to: software interrupts are over, faults start again. */
    private long returnRip(boolean software) {
        return software ? core.nextRip : core.registers.rip;
    }

    private void enter(int vector, int errorCode, boolean software) {
        if (!core.system.isProtected()) {
            enterRealMode(vector, software);
            return;
        }
        boolean wide = core.system.isLong();
        int width = wide ? 16 : 8;
        int error = vector * 8 + IDT_ERROR + (software ? 0 : EXTERNAL);
        if (vector * width + width - 1 > core.system.idtLimit) {
            throw core.fault(GENERAL_PROTECTION, error);
        }
        long at = core.wrap(core.system.idtBase + (long) vector * width);
        long gate = core.memory.readImplicit(at, Long.BYTES);
        int type = (int) (gate >>> 40) & 0x1F;
        if (type != INTERRUPT_GATE && type != TRAP_GATE) {
            throw core.fault(GENERAL_PROTECTION, error);
        }
        if (software && ((int) (gate >>> 45) & 3) < core.system.cpl()) {
            throw core.fault(GENERAL_PROTECTION, vector * 8 + IDT_ERROR);
        }
        if ((gate >>> 47 & 1) == 0) {
            throw core.fault(NOT_PRESENT, error);
        }
        long offset = (gate & 0xFFFF) | (gate >>> 32 & 0xFFFF_0000L);
        if (wide) {
            offset |= core.memory.readImplicit(at + Long.BYTES, Integer.BYTES) << 32;
        }
        enterGate(gate, offset, errorCode, software);
    }

    private void enterGate(long gate, long offset, int errorCode, boolean software) {
        int selector = (int) (gate >>> 16) & 0xFFFF;
        SegmentRegister code = Descriptors.code(core, selector);
        int cpl = core.system.cpl();
        boolean wide = core.system.isLong();
        if (code.dpl() > cpl || (wide && !code.l())) {
            throw core.fault(GENERAL_PROTECTION, selector & 0xFFFC);
        }
        int newCpl = code.isConforming() ? cpl : code.dpl();
        SegmentRegister stack = core.system.segments[SegmentRegister.SS];
        long top = core.registers.general[Registers.RSP];
        int ist = wide ? (int) (gate >>> 32) & 7 : 0;
        if (ist != 0) {
            top = core.memory.readImplicit(core.system.task.base() + IST1 + (long) (ist - 1) * 8, 8);
        } else if (newCpl < cpl) {
            top = innerStack(newCpl);
        }
        if (newCpl < cpl) {
            stack = wide ? SegmentRegister.nullSegment(newCpl, newCpl) : innerStackSegment(newCpl);
        }
        boolean full = wide || newCpl < cpl;
        push(stack, wide ? top & -16 : top, newCpl, full, errorCode, software);
        boolean interrupt = ((int) (gate >>> 40) & 0xF) == INTERRUPT_GATE;
        long flags = core.registers.rflags & ~(CLEARED | (interrupt ? Flags.IF : 0));
        core.system.segments[SegmentRegister.SS] = stack.withDpl(newCpl);
        core.setFlags(flags);
        Descriptors.enter(core, withPrivilege(code, newCpl), offset);
        core.registers.rip = core.nextRip;
    }

    /** The selector in the code segment carries the privilege level. */
    private static SegmentRegister withPrivilege(SegmentRegister code, int cpl) {
        return new SegmentRegister(
                code.base(),
                code.limit(),
                (code.selector() & 0xFFFC) | cpl,
                code.type(),
                true,
                code.dpl(),
                code.db(),
                true,
                code.l(),
                code.g(),
                code.avl(),
                false);
    }

    private long innerStack(int cpl) {
        long at = core.system.task.base() + RSP0 + 8L * cpl;
        return core.memory.readImplicit(at, core.system.isLong() ? 8 : 4);
    }

    private SegmentRegister innerStackSegment(int cpl) {
        int selector = (int) core.memory.readImplicit(core.system.task.base() + 2 * RSP0 + 8L * cpl, 2);
        return Descriptors.stack(core, selector, cpl, INVALID_TSS);
    }

    /** Stack, flags, return address and error code, at the new privilege level; then the stack pointer. */
    private void push(SegmentRegister stack, long top, int cpl, boolean full, int errorCode, boolean software) {
        int size = core.system.isLong() ? 8 : 4;
        int access = cpl == 3 ? Access.USER : 0;
        long base = core.system.isLong() ? 0 : stack.base();
        long at = top;
        if (full) {
            at = pushOne(base, at, size, core.system.segments[SegmentRegister.SS].selector(), access);
            at = pushOne(base, at, size, core.registers.general[Registers.RSP], access);
        }
        at = pushOne(base, at, size, core.registers.rflags, access);
        at = pushOne(base, at, size, core.system.segments[SegmentRegister.CS].selector(), access);
        at = pushOne(base, at, size, returnRip(software), access);
        if (errorCode != NO_ERROR_CODE) {
            at = pushOne(base, at, size, errorCode, access);
        }
        core.setRegister(Registers.RSP, size, at);
    }

    private long pushOne(long base, long top, int size, long value, int access) {
        long at = core.wrap(top - size);
        core.memory.writeAs(core.wrap(base + at), size, value, access);
        return at;
    }

    private void enterRealMode(int vector, boolean software) {
        if (vector * 4 + 3 > core.system.idtLimit) {
            throw core.fault(GENERAL_PROTECTION, NO_ERROR_CODE);
        }
        long entry = core.memory.readImplicit(core.system.idtBase + vector * 4L, 4);
        long back = returnRip(software);
        core.push(core.registers.rflags & 0xFFFF, 2);
        core.push(core.system.segments[SegmentRegister.CS].selector(), 2);
        core.push(back, 2);
        core.setFlags(core.registers.rflags & ~(Flags.IF | Flags.TF | Flags.AC));
        SegmentRegister code =
                core.system.segments[SegmentRegister.CS].withRealModeSelector((int) (entry >>> 16) & 0xFFFF);
        Descriptors.enter(core, code, entry & 0xFFFF);
        core.registers.rip = core.nextRip;
    }

    /** {@code iret} of every mode. */
    static void returnFrom(Core core, Instruction i) {
        long rip = core.peek(0, i.size);
        int selector = (int) core.peek(i.size, i.size) & 0xFFFF;
        long flags = core.peek(2 * i.size, i.size);
        if (!core.system.isProtected()) {
            SegmentRegister code = core.system.segments[SegmentRegister.CS].withRealModeSelector(selector);
            long merged = Moves.mergeFlags(core, flags, i.size);
            Descriptors.enter(core, code, rip);
            core.dropStack(3 * i.size);
            core.setFlags(merged);
            return;
        }
        returnProtected(core, i.size, rip, selector, flags);
    }

    private static void returnProtected(Core core, int size, long rip, int selector, long flags) {
        if ((core.registers.rflags & Flags.NT) != 0 || (!core.system.isLong() && (flags & Flags.VM) != 0)) {
            throw core.emulationFailure();
        }
        int cpl = core.system.cpl();
        int newCpl = selector & 3;
        SegmentRegister code = Descriptors.code(core, selector);
        boolean allowed = code.isConforming() ? code.dpl() <= newCpl : code.dpl() == newCpl;
        if (newCpl < cpl || !allowed) {
            throw core.fault(GENERAL_PROTECTION, selector & 0xFFFC);
        }
        long merged = Moves.mergeFlags(core, flags, size);
        if (core.bits == 64 || newCpl > cpl) {
            long top = core.peek(3 * size, size);
            int stackSelector = (int) core.peek(4 * size, size) & 0xFFFF;
            SegmentRegister stack = Descriptors.isNull(stackSelector) && code.l() && newCpl < 3
                    ? SegmentRegister.nullSegment(stackSelector, newCpl)
                    : Descriptors.stack(core, stackSelector, newCpl, GENERAL_PROTECTION);
            Descriptors.enter(core, code, rip);
            core.setRegister(Registers.RSP, size, top);
            core.system.segments[SegmentRegister.SS] = stack;
            core.changed();
        } else {
            Descriptors.enter(core, code, rip);
            core.dropStack(3 * size);
        }
        core.setFlags(merged);
    }
}
