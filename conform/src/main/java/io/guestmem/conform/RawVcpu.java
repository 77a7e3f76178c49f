package io.guestmem.conform;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SignalMaskLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A vCPU by its raw requests.
 *
 * @param trial owns what it makes
 * @param file of the vCPU
 * @param run the page that it shares with the kernel
 */
record RawVcpu(Trial trial, KvmFile file, MemorySegment run) {
    /**
     * What {@code KVM_PRE_FAULT_MEMORY} answered.
     *
     * @param result 0 or a negated errno
     * @param gpa of the struct afterwards
     * @param left size of the struct afterwards
     */
    record PreFaulted(long result, long gpa, long left) {
        @Override
        public String toString() {
            return Trial.answer(result) + " gpa 0x" + Long.toHexString(gpa) + " left 0x" + Long.toHexString(left);
        }
    }

    /** {@code KVM_PRE_FAULT_MEMORY}, once: EINTR is an answer. */
    PreFaulted preFault(long gpa, long size) {
        return preFault(gpa, size, 0);
    }

    PreFaulted preFault(long gpa, long size, long flags) {
        MemorySegment struct = trial.struct(PreFaultMemoryLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, gpa);
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.FLAGS, flags);
        return preFault(struct);
    }

    PreFaulted preFault(MemorySegment struct) {
        long result = file.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct);
        return new PreFaulted(
                result,
                struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA),
                struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE));
    }

    /** Pre-faults a whole range; must work. */
    void preFaultAll(long gpa, long size) {
        PreFaulted answer = preFault(gpa, size);
        if (answer.result() != 0 || answer.left() != 0) {
            throw new MismatchException(
                    "pre-fault of 0x" + Long.toHexString(gpa) + " + 0x" + Long.toHexString(size),
                    new PreFaulted(0, gpa + size, 0).toString(),
                    answer.toString());
        }
    }

    /** {@code KVM_GET_SREGS}, which must work. */
    MemorySegment systemRegisters() {
        MemorySegment struct = trial.struct(SregsLayout.STRUCT.size());
        trial.must("KVM_GET_SREGS", Trial.request(file, KvmIoctl.GET_SREGS, struct));
        return struct;
    }

    /** {@code KVM_SET_SREGS}. */
    long setSystemRegisters(MemorySegment struct) {
        return Trial.request(file, KvmIoctl.SET_SREGS, struct);
    }

    /** {@code KVM_GET_REGS}, which must work. */
    MemorySegment registers() {
        MemorySegment struct = trial.struct(RegsLayout.STRUCT.size());
        trial.must("KVM_GET_REGS", Trial.request(file, KvmIoctl.GET_REGS, struct));
        return struct;
    }

    /** {@code KVM_SET_REGS}, which must work. */
    void setRegisters(MemorySegment struct) {
        trial.must("KVM_SET_REGS", Trial.request(file, KvmIoctl.SET_REGS, struct));
    }

    /**
     * What {@code KVM_TRANSLATE} answered.
     *
     * @param result 0 or a negated errno
     * @param gpa physical_address
     * @param valid of the struct
     * @param writeable of the struct
     * @param usermode of the struct
     * @param pad the first byte of it
     */
    record Translated(long result, long gpa, int valid, int writeable, int usermode, int pad) {}

    Translated translate(long linear) {
        return translate(linear, 0);
    }

    /** {@code KVM_TRANSLATE}, with the padding preset. */
    Translated translate(long linear, int pad) {
        MemorySegment struct = trial.struct(TranslationLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
        struct.asSlice(TranslationLayout.PAD).fill((byte) pad);
        long result = Trial.request(file, KvmIoctl.TRANSLATE, struct);
        return new Translated(
                result,
                struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS),
                struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID),
                struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.WRITEABLE),
                struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.USERMODE),
                struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.PAD));
    }

    /** {@code KVM_SET_CPUID2}, which must work. */
    void setCpuid(CpuidTable table) {
        trial.must("KVM_SET_CPUID2", Trial.request(file, KvmIoctl.SET_CPUID2, table.struct()));
    }

    /** Lets {@link VcpuThread#interrupt} of the calling thread reach {@link #enter}. */
    void allowInterrupts(VcpuThread self) {
        MemorySegment struct = trial.struct(SignalMaskLayout.SIGSET + Long.BYTES);
        struct.set(ValueLayout.JAVA_INT, SignalMaskLayout.LEN, Long.BYTES);
        struct.set(ValueLayout.JAVA_LONG_UNALIGNED, SignalMaskLayout.SIGSET, self.maskWhileRunning());
        trial.must("KVM_SET_SIGNAL_MASK", Trial.request(file, KvmIoctl.SET_SIGNAL_MASK, struct));
    }

    /** {@code KVM_RUN}, once. */
    long enter() {
        return file.ioctl(KvmIoctl.RUN.code(), 0);
    }

    int exitReason() {
        return run.get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON);
    }

    void presetExitReason(int reason) {
        run.set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, reason);
    }

    /** The statistics of the vCPU. */
    Statistics statistics() {
        return Statistics.open(trial, file);
    }
}
