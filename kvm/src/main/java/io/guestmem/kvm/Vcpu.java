package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SignalMaskLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A virtual CPU. Any thread may use it; the kernel lets one request in at a time, so that a {@link #preFault} waits for a
 * {@link #run} that is under way. {@link #run} belongs to one thread at a time.
 */
public final class Vcpu implements OwnedFiles.AutoCloseableFile {
    private static final Duration BUSY_LIMIT = Duration.ofSeconds(1);

    private final Vm vm;
    private final KvmFile file;
    private final HostMemory run;
    private final int id;

    private final AtomicBoolean closed = new AtomicBoolean();
    private final Object runner = new Object();

    /** The thread inside KVM_RUN; guarded by {@link #runner}. */
    private @Nullable VcpuThread running;

    /** Whether {@link #interrupt} was called since the last run ended; guarded by {@link #runner}. */
    private boolean interrupted;

    /** The thread whose signal mask KVM has; written by the running thread only. */
    private @Nullable VcpuThread masked;

    Vcpu(Vm vm, KvmFile file, HostMemory run, int id) {
        this.vm = vm;
        this.file = file;
        this.run = run;
        this.id = id;
    }

    /** The number it was created with. */
    public int id() {
        return id;
    }

    /** {@code KVM_GET_REGS}. */
    public Registers registers() {
        MemorySegment struct = Call.buffer(RegsLayout.STRUCT.size());
        Call.struct(file, KvmIoctl.GET_REGS, struct, "");
        return Registers.read(struct);
    }

    /** {@code KVM_SET_REGS}. */
    public void setRegisters(Registers registers) {
        MemorySegment struct = Call.buffer(RegsLayout.STRUCT.size());
        registers.write(struct);
        Call.struct(file, KvmIoctl.SET_REGS, struct, registers);
    }

    /** {@code KVM_GET_SREGS}. */
    public SystemRegisters systemRegisters() {
        MemorySegment struct = Call.buffer(SregsLayout.STRUCT.size());
        Call.struct(file, KvmIoctl.GET_SREGS, struct, "");
        return SystemRegisters.read(struct);
    }

    /**
     * {@code KVM_SET_SREGS}.
     *
     * @throws io.guestmem.abi.KernelException with EINVAL for a combination that no CPU has
     */
    public void setSystemRegisters(SystemRegisters registers) {
        MemorySegment struct = Call.buffer(SregsLayout.STRUCT.size());
        registers.write(struct);
        Call.struct(file, KvmIoctl.SET_SREGS, struct, registers);
    }

    /** {@code KVM_SET_CPUID2}. */
    public void setCpuid(Cpuid cpuid) {
        cpuid.set(file);
    }

    /** {@code KVM_GET_STATS_FD} of this vCPU. */
    public Statistics statistics() {
        return vm.statistics(file);
    }

    /**
     * {@code KVM_PRE_FAULT_MEMORY}: maps guest memory as if the guest had read it, before it does.
     *
     * <p>Goes on after progress and after signals, waits up to a second for a memslot that is being changed, and asks again to
     * learn the error behind a partial result (Linux 7.2 {@code kvm_main.c:kvm_vcpu_pre_fault_memory}).
     *
     * @param range multiples of 4096, not empty
     */
    public PreFaultResult preFault(GuestRange range) {
        return preFault(range, BUSY_LIMIT);
    }

    /**
     * As {@link #preFault(GuestRange)}.
     *
     * @param busyLimit how long it waits for a memslot that is being changed, without any progress
     */
    public PreFaultResult preFault(GuestRange range, Duration busyLimit) {
        return new PreFault(file, range, busyLimit).run();
    }

    /**
     * {@code KVM_RUN}: runs the guest until it needs something.
     *
     * @throws IllegalStateException if another thread is inside {@code run}, or the vCPU is closed
     * @throws io.guestmem.abi.KernelException with EFAULT if there is no memory behind a memslot's address, or any other errno
     *     that no exit explains
     */
    public Exit run() {
        VcpuThread self = vm.kernel().currentThread();
        allowInterrupts(self);
        begin(self);
        long result;
        try {
            run.segment().set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.UNKNOWN);
            result = file.ioctl(KvmIoctl.RUN.code(), 0);
        } finally {
            end(self);
        }
        return exit(result);
    }

    /**
     * Ends the {@link #run} that is under way, or the next one, with {@link Exit.Interrupted}. Any thread may call it.
     */
    public void interrupt() {
        synchronized (runner) {
            interrupted = true;
            run.segment().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
            if (running != null) {
                running.interrupt();
            }
        }
    }

    /** The data of a port access: to be read after output, to be written before the next run after input. */
    public MemorySegment ioData(Exit.Io io) {
        return run.segment().asSlice(io.dataOffset(), (long) io.size() * io.count());
    }

    /** KVM swaps the signal mask of the thread during a run; it is told once a thread. */
    private void allowInterrupts(VcpuThread self) {
        if (self.equals(masked)) {
            return;
        }
        MemorySegment struct = Call.buffer(SignalMaskLayout.SIGSET + Long.BYTES);
        struct.set(ValueLayout.JAVA_INT, SignalMaskLayout.LEN, Long.BYTES);
        struct.set(ValueLayout.JAVA_LONG_UNALIGNED, SignalMaskLayout.SIGSET, self.maskWhileRunning());
        Call.struct(file, KvmIoctl.SET_SIGNAL_MASK, struct, "");
        masked = self;
    }

    private void begin(VcpuThread self) {
        synchronized (runner) {
            if (running != null) {
                throw new IllegalStateException("vCPU " + id + " is running on another thread");
            }
            running = self;
        }
    }

    private void end(VcpuThread self) {
        synchronized (runner) {
            running = null;
            if (interrupted) {
                interrupted = false;
                self.clearInterrupt();
                run.segment().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 0);
            }
        }
    }

    private Exit exit(long result) {
        MemorySegment shared = run.segment();
        int reason = shared.get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON);
        if (result == -ErrorNumber.EINTR.number()) {
            return new Exit.Interrupted();
        }
        if (reason == ExitReason.MEMORY_FAULT && result == -ErrorNumber.EFAULT.number()) {
            return memoryFault(shared, ErrorNumber.EFAULT);
        }
        if (reason == ExitReason.MEMORY_FAULT && result == -ErrorNumber.EHWPOISON.number()) {
            return memoryFault(shared, ErrorNumber.EHWPOISON);
        }
        if (result < 0) {
            throw Call.exception(file, KvmIoctl.RUN, result, "exit reason " + ExitReason.name(reason));
        }
        return switch (reason) {
            case ExitReason.IO -> io(shared);
            case ExitReason.MMIO -> mmio(shared);
            case ExitReason.HLT -> new Exit.Halt();
            case ExitReason.SHUTDOWN -> new Exit.Shutdown();
            case ExitReason.INTERNAL_ERROR ->
                new Exit.KvmInternalError(shared.get(ValueLayout.JAVA_INT, RunLayout.INTERNAL_SUBERROR));
            default -> new Exit.Unknown(reason);
        };
    }

    private static Exit memoryFault(MemorySegment shared, ErrorNumber error) {
        long flags = shared.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_FLAGS);
        return new Exit.MemoryFault(
                shared.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_GPA),
                shared.get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_SIZE),
                (flags & RunLayout.MEMORY_FAULT_PRIVATE) != 0,
                error);
    }

    private static Exit io(MemorySegment shared) {
        return new Exit.Io(
                shared.get(ValueLayout.JAVA_BYTE, RunLayout.IO_DIRECTION) == RunLayout.IO_OUT,
                shared.get(ValueLayout.JAVA_BYTE, RunLayout.IO_SIZE),
                Short.toUnsignedInt(shared.get(ValueLayout.JAVA_SHORT, RunLayout.IO_PORT)),
                shared.get(ValueLayout.JAVA_INT, RunLayout.IO_COUNT),
                shared.get(ValueLayout.JAVA_LONG, RunLayout.IO_DATA_OFFSET));
    }

    private static Exit mmio(MemorySegment shared) {
        return new Exit.Mmio(
                shared.get(ValueLayout.JAVA_LONG, RunLayout.MMIO_PHYS_ADDR),
                shared.get(ValueLayout.JAVA_LONG, RunLayout.MMIO_DATA),
                shared.get(ValueLayout.JAVA_INT, RunLayout.MMIO_LEN),
                shared.get(ValueLayout.JAVA_BYTE, RunLayout.MMIO_IS_WRITE) != 0);
    }

    /** Closes the vCPU; a run that is under way on another thread is interrupted first. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            vm.closed(this);
            interrupt();
            file.close();
            run.close();
        }
    }
}
