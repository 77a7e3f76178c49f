package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * One {@code KVM_PRE_FAULT_MEMORY} to its end: the kernel returns 0 after any progress and tells in the struct what is left.
 *
 * <p>Each call either makes progress, which may hide an error that the next call will show, or fails without any.
 */
final class PreFault {
    private static final long BUSY_PAUSE_NANOS = 20_000;

    /** How long signals may hinder any progress. */
    private static final long SIGNALS_LIMIT_NANOS = 1_000_000_000;

    private final KvmFile vcpu;
    private final GuestRange range;
    private final long busyLimitNanos;
    private final MemorySegment struct = Call.buffer(PreFaultMemoryLayout.STRUCT.size());

    PreFault(KvmFile vcpu, GuestRange range, Duration busyLimit) {
        this.vcpu = vcpu;
        this.range = range;
        this.busyLimitNanos = busyLimit.toNanos();
        struct.set(
                ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, range.start().value());
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, range.size());
    }

    PreFaultResult run() {
        long busySince = 0;
        long signalsSince = 0;
        while (true) {
            long before = left();
            long result = vcpu.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct);
            if (result == 0 && left() == 0) {
                return new PreFaultResult.Complete(range.size());
            }
            if (left() != before) {
                busySince = 0;
                signalsSince = 0;
            } else if (result == -ErrorNumber.EAGAIN.number()) {
                long now = System.nanoTime();
                busySince = busySince == 0 ? now : busySince;
                if (now - busySince >= busyLimitNanos) {
                    return new PreFaultResult.Busy(done(), at());
                }
                LockSupport.parkNanos(BUSY_PAUSE_NANOS);
            } else if (result != -ErrorNumber.EINTR.number()) {
                return new PreFaultResult.Refused(done(), at(), error(result));
            } else {
                long now = System.nanoTime();
                signalsSince = signalsSince == 0 ? now : signalsSince;
                if (now - signalsSince >= SIGNALS_LIMIT_NANOS) {
                    return new PreFaultResult.Refused(done(), at(), ErrorNumber.EINTR);
                }
            }
            if (Thread.currentThread().isInterrupted()) {
                return new PreFaultResult.Interrupted(done(), at());
            }
        }
    }

    private ErrorNumber error(long result) {
        if (result >= 0) {
            throw new IllegalStateException(
                    "KVM_PRE_FAULT_MEMORY answered " + result + " and made no progress at " + at());
        }
        return ErrorNumber.of(Math.toIntExact(-result))
                .orElseThrow(() -> Call.exception(
                        vcpu, KvmIoctl.PRE_FAULT_MEMORY, result, "at " + at() + ", " + done() + " bytes done"));
    }

    private long left() {
        return struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE);
    }

    private long done() {
        return range.size() - left();
    }

    private GuestPhysical at() {
        return new GuestPhysical(struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA));
    }
}
