package io.guestmem.conform;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.VcpuThread;
import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Registers.Register;
import io.guestmem.vmm.GuestProgram;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A guest in user mode and long mode, with the first 8 GiB of its memory mapped to themselves in 2 MiB pages. Its tables and its
 * program lie in a slot of their own:
 *
 * <pre>{@code
 * 0      0x1000  0x2000 .. 0x9000   0xA000   0xB000    0xC000   0x10000
 * | PML4 | PDPT  | page directories | task   | program | mark   |
 * }</pre>
 *
 * <p>One thread runs it at a time; any may interrupt it.
 */
final class Guest {
    /** The slot of the tables and the program. */
    static final int BOOT_SLOT = 500;

    /** Where guest memory may begin. */
    static final long FREE = 64L << 20;

    private static final long BOOT_SIZE = 0x10000;
    private static final long PDPT = 0x1000;
    private static final long DIRECTORIES = 0x2000;
    private static final int GIBIBYTES = 8;
    private static final long TASK = 0xA000;
    private static final long PROGRAM = 0xB000;
    private static final long MARK = 0xC000;
    private static final long RFLAGS_FIXED_IOPL3 = 1 << 1 | 3 << 12;

    /** {@code out 0x10, al; jmp .} as 8 bytes: a program that is done at once. */
    static final long DONE = 0xFEEB_10E6L;

    /** {@code mov [rsi], rcx; jmp .}: leaves a mark, then never ends. */
    private static final byte[] MARK_AND_SPIN = HexFormat.of().parseHex("48890eebfe");

    private final Trial trial;
    private final RawVcpu vcpu;
    private final HostMemory boot;

    /** The thread inside KVM_RUN, and whether somebody wants it out; guarded by this object. */
    private @Nullable VcpuThread running;

    private boolean interrupted;

    private Guest(Trial trial, RawVcpu vcpu, HostMemory boot) {
        this.trial = trial;
        this.vcpu = vcpu;
        this.boot = boot;
    }

    /**
     * How a run ended.
     *
     * @param result of {@code KVM_RUN}
     * @param exitReason of {@code kvm_run}
     * @param rax of the guest
     */
    record Run(long result, int exitReason, long rax) {
        boolean done() {
            return result == 0 && exitReason == ExitReason.IO;
        }

        @Override
        public String toString() {
            return "KVM_RUN " + Trial.answer(result) + " " + ExitReason.name(exitReason);
        }
    }

    /** Makes vCPU 0 and the slot of the guest's tables. */
    static Guest on(Trial trial, RawVm vm) {
        return on(trial, vm, 0);
    }

    /** The same with another vCPU. */
    static Guest on(Trial trial, RawVm vm, int vcpu) {
        HostMemory boot = vm.slot(BOOT_SLOT, 0, BOOT_SIZE);
        return new Guest(trial, cpu(vm, vcpu), boot).withTables();
    }

    /** A vCPU that was set up otherwise; only to be resumed and interrupted. */
    static Guest bare(Trial trial, RawVcpu vcpu, HostMemory memory) {
        return new Guest(trial, vcpu, memory);
    }

    private static RawVcpu cpu(RawVm vm, int id) {
        RawVcpu vcpu = vm.vcpu(id);
        vcpu.setCpuid(CpuidTable.supported(vm.trial()));
        MemorySegment registers = vcpu.systemRegisters();
        LongMode.user(registers, 0, TASK);
        vm.trial().must("KVM_SET_SREGS", vcpu.setSystemRegisters(registers));
        return vcpu;
    }

    private Guest withTables() {
        MemorySegment tables = boot.segment();
        entry(tables, 0, PDPT | LongMode.TABLE);
        for (long gib = 0; gib < GIBIBYTES; gib++) {
            long directory = DIRECTORIES + gib * Numbers.PAGE;
            entry(tables, PDPT + gib * Long.BYTES, directory | LongMode.TABLE);
            for (long i = 0; i < 512; i++) {
                entry(tables, directory + i * Long.BYTES, gib * Numbers.GIB + i * Numbers.HUGE | LongMode.LEAF);
            }
        }
        LongMode.openPorts(tables.asSlice(TASK));
        return this;
    }

    private static void entry(MemorySegment tables, long at, long value) {
        tables.set(ValueLayout.JAVA_LONG, at, value);
    }

    RawVcpu vcpu() {
        return vcpu;
    }

    /**
     * What {@code KVM_EXIT_MEMORY_FAULT} says.
     *
     * @param flags 8 for a private access
     * @param gpa of the page
     * @param size of it
     */
    record MemoryFault(long flags, long gpa, long size) {
        static MemoryFault of(RawVcpu vcpu) {
            MemorySegment run = vcpu.run();
            return new MemoryFault(
                    run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_FLAGS),
                    run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_GPA),
                    run.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_SIZE));
        }
    }

    /** The memory fault that the last run ended with. */
    MemoryFault memoryFault() {
        return MemoryFault.of(vcpu);
    }

    /** Reads 8 bytes of guest memory, as the guest. */
    long read(long gpa) {
        Run run = tryRead(gpa);
        if (!run.done()) {
            throw new MismatchException("guest reads 0x" + Long.toHexString(gpa), "it reads", run.toString());
        }
        return run.rax();
    }

    Run tryRead(long gpa) {
        return run(GuestProgram.touch(GuestRange.of(gpa, 8), 8, GuestProgram.Access.READ));
    }

    /** Writes 8 bytes of guest memory, as the guest. */
    void write(long gpa, long value) {
        Run run = tryWrite(gpa, value);
        if (!run.done()) {
            throw new MismatchException("guest writes 0x" + Long.toHexString(gpa), "it writes", run.toString());
        }
    }

    Run tryWrite(long gpa, long value) {
        return run(GuestProgram.writePattern(GuestRange.of(gpa, 8), value, 0));
    }

    /** Reads the first 8 bytes of every page; returns their sum. */
    long readPages(long gpa, long size) {
        Run run = run(GuestProgram.touch(GuestRange.of(gpa, size), Numbers.PAGE, GuestProgram.Access.READ));
        if (!run.done()) {
            throw new MismatchException("guest reads pages", "it reads", run.toString());
        }
        return run.rax();
    }

    /**
     * Has host and guest write everything that the next programs need beside their data, so that only their data can fault: again
     * after the host has changed all memory of the process.
     */
    void warmUp() {
        for (long page = 0; page < BOOT_SIZE; page += Numbers.PAGE) {
            trial.store(boot, page, trial.load(boot, page));
        }
        write(MARK, 0);
        read(MARK);
    }

    Run run(GuestProgram program) {
        return run(program.code(), program.entry());
    }

    /** Leaves a mark, then runs until it is interrupted. */
    Run spin() {
        return run(MARK_AND_SPIN, Registers.initial().with(Register.RSI, MARK).with(Register.RCX, 1));
    }

    /** Waits until the guest of {@link #spin} runs. */
    void awaitSpinning() {
        long deadline = System.nanoTime() + Background.LIMIT.toNanos();
        MemorySegment memory = boot.segment();
        while ((long) Numbers.LONG.getVolatile(memory, MARK) == 0) {
            if (System.nanoTime() > deadline) {
                throw new MismatchException("guest", "it runs", "it does not");
            }
            Thread.onSpinWait();
        }
    }

    /** Ends the run that is under way, or the next one. */
    synchronized void interrupt() {
        interrupted = true;
        vcpu.run().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
        if (running != null) {
            running.interrupt();
        }
    }

    private Run run(byte[] code, Registers entry) {
        MemorySegment.copy(code, 0, boot.segment(), ValueLayout.JAVA_BYTE, PROGRAM, code.length);
        return runAt(PROGRAM, entry);
    }

    /** Runs a program that the check has put there. */
    Run execute(long gpa) {
        return runAt(gpa, Registers.initial());
    }

    private Run runAt(long gpa, Registers entry) {
        MemorySegment registers = trial.struct(RegsLayout.STRUCT.size());
        Registers all = entry.with(Register.RIP, gpa).with(Register.RFLAGS, RFLAGS_FIXED_IOPL3);
        // The constants are in the order of the struct.
        long at = RegsLayout.RAX;
        for (Register register : Register.values()) {
            registers.set(ValueLayout.JAVA_LONG, at, all.get(register));
            at += Long.BYTES;
        }
        vcpu.setRegisters(registers);
        return resume();
    }

    /** {@code KVM_RUN} until there is an exit, somebody interrupts it, or it takes too long. */
    Run resume() {
        VcpuThread self = trial.kernel().currentThread();
        vcpu.allowInterrupts(self);
        CountDownLatch ended = new CountDownLatch(1);
        Thread watchdog = Thread.ofPlatform().daemon().name("conform-watchdog").start(() -> watch(ended));
        synchronized (this) {
            running = self;
        }
        try {
            return enter();
        } finally {
            ended.countDown();
            join(watchdog);
            end(self);
        }
    }

    private Run enter() {
        vcpu.presetExitReason(ExitReason.UNKNOWN);
        long result;
        do {
            result = vcpu.enter();
        } while (result == -ErrorNumber.EINTR.number() && !isInterrupted());
        int reason = vcpu.exitReason();
        long rax = vcpu.registers().get(ValueLayout.JAVA_LONG, RegsLayout.RAX);
        return new Run(result, reason, rax);
    }

    private synchronized boolean isInterrupted() {
        return interrupted;
    }

    private synchronized void end(VcpuThread self) {
        running = null;
        if (interrupted) {
            interrupted = false;
            self.clearInterrupt();
            vcpu.run().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 0);
        }
    }

    private void watch(CountDownLatch ended) {
        try {
            if (!ended.await(Background.LIMIT.toSeconds() / 2, TimeUnit.SECONDS)) {
                interrupt();
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private static void join(Thread watchdog) {
        boolean wasInterrupted = false;
        while (watchdog.isAlive()) {
            try {
                watchdog.join();
            } catch (InterruptedException _) {
                wasInterrupted = true;
            }
        }
        if (wasInterrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
