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

    private final Object runner = new Object();

    /** The thread inside {@link #run}; guarded by {@link #runner}. */
    private @Nullable VcpuThread running;

    /** Whether {@link #interrupt} was called and no run has ended with it yet; guarded by {@link #runner}. */
    private boolean interrupted;

    /** Guarded by {@link #runner}; the shared pages are unmapped by {@link #close}, or by the run that it ends. */
    private boolean closed;

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

    /** The file behind it, for requests that have no method here. It is closed with the vCPU. */
    public KvmFile file() {
        return file;
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
     * {@code KVM_MAP_MEMORY}, as one of its proposals has it; made once.
     *
     * @return the result, and the struct as the kernel left it. A kernel that does not know the request answers EINVAL, and so does
     *     one that refuses the arguments: {@link #knows} tells them apart
     */
    public MapMemory.Answer mapMemory(MapMemory request) {
        MemorySegment struct = Call.buffer(request.structSize());
        request.write(struct);
        long result = file.ioctl(request.code().code(), struct);
        return new MapMemory.Answer(result, request.read(struct));
    }

    /**
     * Whether this kernel knows a proposal's request, found by trying: a null pointer is EFAULT to who knows it, and EINVAL to who
     * does not. The third proposal has the code of {@code KVM_PRE_FAULT_MEMORY}: who knows one seems to know the other.
     */
    public boolean knows(MapMemory request) {
        return file.ioctl(request.code().code(), 0) == -ErrorNumber.EFAULT.number();
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
        begin(self);
        long result = 0;
        try {
            allowInterrupts(self);
            run.segment().set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.UNKNOWN);
            result = file.ioctl(KvmIoctl.RUN.code(), 0);
            return exit(result);
        } finally {
            end(self, result == -ErrorNumber.EINTR.number());
        }
    }

    /**
     * Ends the {@link #run} that is under way with {@link Exit.Interrupted}, or the next one if that had ended by itself
     * already. Any thread may call it.
     *
     * @throws IllegalStateException if the vCPU is closed
     */
    public void interrupt() {
        synchronized (runner) {
            checkOpen();
            requestExit();
        }
    }

    /** Both ways: the byte is seen by a run that has not begun in the kernel yet, the signal by one that has. */
    private void requestExit() {
        interrupted = true;
        run.segment().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
        if (running != null) {
            running.interrupt();
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("vCPU " + id + " is closed");
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
            checkOpen();
            if (running != null) {
                throw new IllegalStateException("vCPU " + id + " is running on another thread");
            }
            running = self;
        }
    }

    /** An interruption that came too late for this run stays for the next one, which may be on another thread. */
    private void end(VcpuThread self, boolean byInterruption) {
        synchronized (runner) {
            running = null;
            if (interrupted) {
                self.clearInterrupt();
            }
            if (interrupted && byInterruption) {
                interrupted = false;
                run.segment().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 0);
            }
            if (closed) {
                run.close();
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

    /** Closes the vCPU. A run that is under way on another thread ends with {@link Exit.Interrupted}; it is not waited for. */
    @Override
    public void close() {
        synchronized (runner) {
            if (closed) {
                return;
            }
            closed = true;
            if (running != null) {
                requestExit();
            } else {
                run.close();
            }
        }
        vm.closed(this);
        file.close();
    }
}
