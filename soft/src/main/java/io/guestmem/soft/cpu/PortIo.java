package io.guestmem.soft.cpu;

import io.guestmem.abi.RunLayout;
import io.guestmem.soft.vm.VcpuCounter;

/**
 * Ports: every access is an exit. The instruction is completed when the vCPU runs again, so until then rip points to it; if the
 * user has moved rip meanwhile, nothing is completed. Source: Linux 7.2 {@code x86.c:kvm_fast_pio}.
 */
final class PortIo {
    private static final int TSS_BITMAP = 102;
    private static final int TSS_TYPE = 0xD;
    private static final int TSS_AVAILABLE = 9;

    /** What is to be completed when the user comes back. */
    private enum Pending {
        NOTHING,
        IN,
        OUT,
        /** A {@link io.guestmem.soft.JavaGuest} has read. */
        STEP
    }

    private final Core core;
    private Pending pending = Pending.NOTHING;
    private int size;
    private long linearRip;
    private long ripAfter;

    /** Of a step: the answer to its read, and what it writes. */
    private boolean answered;

    private long answer;
    private int outSize;
    private int outPort;
    private long outValue;

    PortIo(Core core) {
        this.core = core;
    }

    static void in(Core core, Instruction i) {
        core.ports.exit(RunLayout.IO_IN, port(core, i), Math.min(i.size, 4));
    }

    static void out(Core core, Instruction i) {
        core.ports.exit(RunLayout.IO_OUT, port(core, i), Math.min(i.size, 4));
    }

    /** The opcodes with a port number of their own have bit 3 clear. */
    private static int port(Core core, Instruction i) {
        return (i.selector & 8) == 0 ? (int) i.immediate & 0xFF : (int) core.registers.general[Registers.RDX] & 0xFFFF;
    }

    /** The exit: the instruction is to be aborted with it. */
    private void exit(int direction, int port, int width) {
        requirePermission(port, width);
        announce(direction, port, width, core.registers.general[Registers.RAX]);
        pending = direction == RunLayout.IO_IN ? Pending.IN : Pending.OUT;
        size = width;
        linearRip = core.codeAddress();
        ripAfter = core.nextRip;
        throw core.abort.exit(0);
    }

    /** A read by a step: an exit at first, the user's answer when the step is made again. */
    long inByStep(int port, int width) {
        if (answered) {
            core.attention = true;
            return answer;
        }
        announce(RunLayout.IO_IN, port, width, 0);
        pending = Pending.STEP;
        size = width;
        throw core.abort.exit(0);
    }

    /** A write by a step: an exit when the step is through. */
    void outAfterStep(int port, int width, long value) {
        outPort = port;
        outSize = width;
        outValue = value;
        core.attention = true;
    }

    /** Tells the user of a step's write, if there is one; {@code KVM_RUN} is to return then. */
    boolean tell() {
        if (outSize == 0) {
            return false;
        }
        announce(RunLayout.IO_OUT, outPort, outSize, outValue);
        outSize = 0;
        return true;
    }

    /** The step is over. */
    void forget() {
        answered = false;
    }

    private void announce(int direction, int port, int width, long value) {
        core.count(VcpuCounter.IO_EXITS);
        core.run.port(direction, width, port);
        core.run.setPortData((int) value);
    }

    /** The user has come back. */
    void complete() {
        Pending done = pending;
        pending = Pending.NOTHING;
        if (done == Pending.STEP) {
            answered = true;
            answer = Integer.toUnsignedLong(core.run.portData(size));
            return;
        }
        if (done == Pending.NOTHING || linearRip != core.codeAddress()) {
            return;
        }
        if (done == Pending.IN) {
            core.setRegister(Registers.RAX, size, core.run.portData(size));
        }
        core.registers.rip = ripAfter;
    }

    /** Without I/O privilege the task state segment's bitmap decides. Source: Intel SDM volume 1, 19.5.2. */
    private void requirePermission(int port, int width) {
        long iopl = (core.registers.rflags & Flags.IOPL) >> Flags.IOPL_SHIFT;
        if (core.system.cpl() <= iopl) {
            return;
        }
        SegmentRegister task = core.system.task;
        if ((task.type() & TSS_TYPE) != TSS_AVAILABLE || !inTask(TSS_BITMAP, 2)) {
            throw core.generalProtection();
        }
        long bitmap = core.memory.readImplicit(task.base() + TSS_BITMAP, 2);
        long at = bitmap + port / 8;
        if (!inTask(at, 2)) {
            throw core.generalProtection();
        }
        long bits = core.memory.readImplicit(task.base() + at, 2) >>> port % 8;
        if ((bits & (1 << width) - 1) != 0) {
            throw core.generalProtection();
        }
    }

    private boolean inTask(long offset, int count) {
        return offset + count - 1 <= Integer.toUnsignedLong(core.system.task.limit());
    }
}
