package io.guestmem.shell;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SignalMaskLayout;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** {@code KVM_RUN} with a time limit, and its exit as text. For one run. */
final class VcpuRun {
    private final OpenFile vcpu;
    private final MemorySegment shared;
    private final VcpuThread self;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean timeUp;

    /**
     * A run on the calling thread.
     *
     * @param shared {@code kvm_run} of the vCPU
     */
    VcpuRun(Kernel kernel, OpenFile vcpu, MemorySegment shared) {
        this.vcpu = vcpu;
        this.shared = shared;
        this.self = kernel.currentThread();
    }

    /** Runs until the guest exits; a guest that does not is interrupted and answers {@code EINTR}. */
    Answer run(Duration limit) {
        long masked = allowInterrupts();
        if (masked < 0) {
            return Answer.of(masked).with("KVM_SET_SIGNAL_MASK");
        }
        shared.set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.UNKNOWN);
        Thread watchdog = Thread.ofPlatform().daemon().name("run-limit").start(() -> watch(limit));
        long result;
        try {
            result = vcpu.file().ioctl(KvmIoctl.RUN.code(), 0);
        } finally {
            ended.countDown();
            join(watchdog);
        }
        if (timeUp) {
            self.clearInterrupt();
            shared.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 0);
        }
        return Answer.of(result).with(exit(result));
    }

    /** KVM takes the mask for the time of a run; outside, the signal stays blocked. */
    private long allowInterrupts() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(SignalMaskLayout.SIGSET + Long.BYTES, Integer.BYTES);
            mask.set(ValueLayout.JAVA_INT, SignalMaskLayout.LEN, Long.BYTES);
            mask.set(ValueLayout.JAVA_LONG_UNALIGNED, SignalMaskLayout.SIGSET, self.maskWhileRunning());
            return vcpu.file().ioctl(KvmIoctl.SET_SIGNAL_MASK.code(), mask);
        }
    }

    /** The byte stops a run that is not in the guest yet, the signal one that is. */
    private void watch(Duration limit) {
        try {
            if (!ended.await(limit.toNanos(), TimeUnit.NANOSECONDS)) {
                timeUp = true;
                shared.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
                self.interrupt();
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private static void join(Thread watchdog) {
        boolean interrupted = false;
        while (watchdog.isAlive()) {
            try {
                watchdog.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Why the guest exited; empty where {@code kvm_run} does not say. */
    private String exit(long result) {
        int reason = shared.get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON);
        boolean fault = reason == ExitReason.MEMORY_FAULT
                && (result == -ErrorNumber.EFAULT.number() || result == -ErrorNumber.EHWPOISON.number());
        if (result < 0 && !fault) {
            return "";
        }
        String details = switch (reason) {
            case ExitReason.IO -> io();
            case ExitReason.MMIO -> mmio();
            case ExitReason.HYPERCALL -> " nr=" + hex(RunLayout.HYPERCALL_NR);
            case ExitReason.INTERNAL_ERROR ->
                " suberror=" + shared.get(ValueLayout.JAVA_INT, RunLayout.INTERNAL_SUBERROR);
            case ExitReason.FAIL_ENTRY -> " reason=" + hex(RunLayout.FAIL_ENTRY_REASON);
            case ExitReason.MEMORY_FAULT ->
                " gpa=" + hex(RunLayout.MEMORY_FAULT_GPA)
                        + " size=" + hex(RunLayout.MEMORY_FAULT_SIZE)
                        + " flags=" + hex(RunLayout.MEMORY_FAULT_FLAGS);
            default -> "";
        };
        return ExitReason.name(reason) + details;
    }

    private String io() {
        boolean out = shared.get(ValueLayout.JAVA_BYTE, RunLayout.IO_DIRECTION) == RunLayout.IO_OUT;
        int size = shared.get(ValueLayout.JAVA_BYTE, RunLayout.IO_SIZE);
        int count = shared.get(ValueLayout.JAVA_INT, RunLayout.IO_COUNT);
        String text = (out ? " out" : " in") + " port=0x"
                + Integer.toHexString(Short.toUnsignedInt(shared.get(ValueLayout.JAVA_SHORT, RunLayout.IO_PORT)))
                + " size=" + size + " count=" + count;
        long at = shared.get(ValueLayout.JAVA_LONG, RunLayout.IO_DATA_OFFSET);
        return out ? text + " data=" + data(at, (long) size * count) : text;
    }

    private String mmio() {
        boolean write = shared.get(ValueLayout.JAVA_BYTE, RunLayout.MMIO_IS_WRITE) != 0;
        int length = shared.get(ValueLayout.JAVA_INT, RunLayout.MMIO_LEN);
        String text = (write ? " write" : " read") + " gpa=" + hex(RunLayout.MMIO_PHYS_ADDR) + " len=" + length;
        return write ? text + " data=" + data(RunLayout.MMIO_DATA, length) : text;
    }

    private String data(long offset, long length) {
        return Bytes.hex(shared.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE));
    }

    private String hex(long offset) {
        return "0x" + Long.toHexString(shared.get(ValueLayout.JAVA_LONG, offset));
    }
}
