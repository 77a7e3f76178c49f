package io.guestmem.soft.cpu;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code struct kvm_run}, seen from the kernel: how exits are written and what the user answered. The user can change every
 * byte at any time, so what the kernel needs later it keeps elsewhere.
 */
final class RunPage {
    /** {@code KVM_INTERNAL_ERROR_EMULATION}. */
    private static final int EMULATION = 1;

    /**
     * {@code emulation_failure}: flags and the instruction's bytes before five words of vendor information, which are zero here.
     * Source: Linux 7.2 {@code x86.c:prepare_emulation_failure_exit}.
     */
    private static final int EMULATION_INSTRUCTION_BYTES = 1;

    private static final int EMULATION_SIZE = RunLayout.INTERNAL_DATA + 8;
    private static final int EMULATION_BYTES = EMULATION_SIZE + 1;
    private static final int MOST_BYTES = 15;
    private static final int VENDOR_WORDS = 5;
    private static final byte FILLER = (byte) 0x90;
    private static final int PORT_DATA = 4096;

    /** {@code KVM_EXIT_HYPERCALL_LONG_MODE}. */
    private static final long HYPERCALL_LONG_MODE = 1;

    private final MemorySegment run;
    private final MemorySegment portData;

    RunPage(MemorySegment run, MemorySegment portData) {
        this.run = run;
        this.portData = portData;
    }

    boolean immediateExit() {
        return run.get(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT) != 0;
    }

    long cr8() {
        return run.get(ValueLayout.JAVA_LONG, RunLayout.CR8);
    }

    long validRegisters() {
        return run.get(ValueLayout.JAVA_LONG, RunLayout.KVM_VALID_REGS);
    }

    long dirtyRegisters() {
        return run.get(ValueLayout.JAVA_LONG, RunLayout.KVM_DIRTY_REGS);
    }

    void clearFlags() {
        run.set(ValueLayout.JAVA_SHORT, RunLayout.FLAGS, (short) 0);
    }

    void exit(int reason) {
        run.set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, reason);
    }

    /** What every return from {@code KVM_RUN} tells. Source: Linux 7.2 {@code x86.c:post_kvm_run_save}. */
    void save(boolean interruptsEnabled, long cr8, long apicBase, boolean smm) {
        byte flag = (byte) (interruptsEnabled ? 1 : 0);
        run.set(ValueLayout.JAVA_BYTE, RunLayout.IF_FLAG, flag);
        run.set(ValueLayout.JAVA_BYTE, RunLayout.READY_FOR_INTERRUPT_INJECTION, flag);
        run.set(ValueLayout.JAVA_LONG, RunLayout.CR8, cr8);
        run.set(ValueLayout.JAVA_LONG, RunLayout.APIC_BASE, apicBase);
        int before = run.get(ValueLayout.JAVA_SHORT, RunLayout.FLAGS);
        run.set(ValueLayout.JAVA_SHORT, RunLayout.FLAGS, (short) (smm ? before | 1 : before & ~1));
    }

    void port(int direction, int size, int port) {
        exit(ExitReason.IO);
        run.set(ValueLayout.JAVA_BYTE, RunLayout.IO_DIRECTION, (byte) direction);
        run.set(ValueLayout.JAVA_BYTE, RunLayout.IO_SIZE, (byte) size);
        run.set(ValueLayout.JAVA_SHORT, RunLayout.IO_PORT, (short) port);
        run.set(ValueLayout.JAVA_INT, RunLayout.IO_COUNT, 1);
        run.set(ValueLayout.JAVA_LONG, RunLayout.IO_DATA_OFFSET, PORT_DATA);
    }

    void setPortData(int value) {
        portData.set(ValueLayout.JAVA_INT, 0, value);
    }

    int portData(int size) {
        int mask = size == 4 ? -1 : (1 << (8 * size)) - 1;
        return portData.get(ValueLayout.JAVA_INT, 0) & mask;
    }

    void mmio(long gpa, int size, boolean write, long value) {
        exit(ExitReason.MMIO);
        run.set(ValueLayout.JAVA_LONG, RunLayout.MMIO_PHYS_ADDR, gpa);
        run.set(ValueLayout.JAVA_INT, RunLayout.MMIO_LEN, size);
        run.set(ValueLayout.JAVA_BYTE, RunLayout.MMIO_IS_WRITE, (byte) (write ? 1 : 0));
        if (write) {
            run.set(ValueLayout.JAVA_LONG_UNALIGNED, RunLayout.MMIO_DATA, value);
        }
    }

    long mmioData(int size) {
        long all = run.get(ValueLayout.JAVA_LONG_UNALIGNED, RunLayout.MMIO_DATA);
        return size == Long.BYTES ? all : all & (1L << (8 * size)) - 1;
    }

    /** A hypercall with three arguments; the user's answer is 0 unless it says otherwise. */
    void hypercall(long number, long first, long second, long third, boolean longMode) {
        exit(ExitReason.HYPERCALL);
        run.set(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_NR, number);
        run.set(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_ARGS, first);
        run.set(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_ARGS + Long.BYTES, second);
        run.set(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_ARGS + 2 * Long.BYTES, third);
        run.set(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_RET, 0);
        run.set(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_FLAGS, longMode ? HYPERCALL_LONG_MODE : 0);
    }

    long hypercallResult() {
        return run.get(ValueLayout.JAVA_LONG, RunLayout.HYPERCALL_RET);
    }

    /**
     * An instruction that cannot be run.
     *
     * @param bytes of the instruction, at least {@code count}
     * @param count 0 if they could not be fetched
     */
    void emulationFailure(byte[] bytes, int count) {
        exit(ExitReason.INTERNAL_ERROR);
        run.set(ValueLayout.JAVA_INT, RunLayout.INTERNAL_SUBERROR, EMULATION);
        int words = count > 0 ? 3 : 1;
        run.set(ValueLayout.JAVA_LONG, RunLayout.INTERNAL_DATA, count > 0 ? EMULATION_INSTRUCTION_BYTES : 0);
        if (count > 0) {
            run.set(ValueLayout.JAVA_BYTE, EMULATION_SIZE, (byte) count);
            for (int i = 0; i < MOST_BYTES; i++) {
                run.set(ValueLayout.JAVA_BYTE, EMULATION_BYTES + i, i < count ? bytes[i] : FILLER);
            }
        }
        for (int i = 0; i < VENDOR_WORDS; i++) {
            run.set(ValueLayout.JAVA_LONG, RunLayout.INTERNAL_DATA + (long) (words + i) * Long.BYTES, 0);
        }
        run.set(ValueLayout.JAVA_INT, RunLayout.INTERNAL_NDATA, words + VENDOR_WORDS);
    }
}
