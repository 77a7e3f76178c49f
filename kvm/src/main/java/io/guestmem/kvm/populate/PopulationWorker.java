package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.populate.StopReason.Kind;
import io.guestmem.linux.LinuxException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** One thread's share of a population, with one vCPU or none. Belongs to the thread that made it. */
final class PopulationWorker implements AutoCloseable {
    private static final long PIECE = 256 << 10;
    private static final long PAUSE_NANOS = 20_000;
    private static final long EINTR = -ErrorNumber.EINTR.number();
    private static final long EAGAIN = -ErrorNumber.EAGAIN.number();
    private static final long ENOTTY = -ErrorNumber.ENOTTY.number();

    private final Population population;
    private final @Nullable Vcpu vcpu;
    private final Duration patience;
    private final Arena arena = Arena.ofConfined();
    private @Nullable MemorySegment buffer;

    /** Whether the vCPU has refused to pre-fault. */
    private boolean withoutStageTwo;

    PopulationWorker(Population population, @Nullable Vcpu vcpu, Duration patience) {
        this.population = population;
        this.vcpu = vcpu;
        this.patience = patience;
    }

    @Override
    public void close() {
        arena.close();
    }

    /** Works until there is nothing more to do. */
    void run() {
        for (Chunk chunk = population.next(); chunk != null; chunk = population.next()) {
            StopReason reason = work(chunk);
            population.count(chunk.mapped);
            if (reason != null) {
                chunk.step.stop(reason);
                if (reason.kind() == Kind.CANCELLED || chunk.isOrdered()) {
                    population.cancel();
                }
            }
        }
    }

    /** Works on a chunk: null if it is done. */
    private @Nullable StopReason work(Chunk chunk) {
        try {
            StopReason reason = chunk.written < chunk.size ? write(chunk) : null;
            return reason == null ? map(chunk) : reason;
        } catch (LinuxException failed) {
            return StopReason.refused(
                    Kind.SOURCE_FAILED,
                    failed.call() + " " + failed.arguments(),
                    chunk.writeAt(),
                    failed.errno().number());
        } catch (IllegalStateException closed) {
            return PlanCheck.closed(chunk.toMap(), closed);
        }
    }

    private @Nullable StopReason write(Chunk chunk) {
        Measured measured = chunk.step.step().measured();
        while (chunk.written < chunk.size) {
            long wanted = Math.min(PIECE, chunk.size - chunk.written);
            long offset = chunk.targetOffset + chunk.written;
            long result;
            if (chunk.step.step().content() instanceof Content.Zero) {
                result = patiently(() -> chunk.target.zero(offset, wanted, measured));
            } else {
                MemorySegment piece = read(chunk, wanted);
                long whole = piece.byteSize() & -GuestPhysical.PAGE_SIZE;
                if (whole == 0) {
                    return StopReason.of(
                            Kind.SOURCE_ENDED, chunk.writeAt(), "the source has fewer bytes than the range");
                }
                MemorySegment pages = piece.asSlice(0, whole);
                result = patiently(() -> chunk.target.write(offset, pages, measured));
            }
            if (result <= 0) {
                return refused(chunk, result);
            }
            chunk.written += result;
        }
        return null;
    }

    private MemorySegment read(Chunk chunk, long wanted) {
        MemorySegment into = buffer;
        if (into == null) {
            into = arena.allocate(PIECE, GuestPhysical.PAGE_SIZE);
            buffer = into;
        }
        long offset = chunk.start - chunk.step.step().range().start().value() + chunk.written;
        return chunk.step.reader().read(offset, into.asSlice(0, wanted));
    }

    private static StopReason refused(Chunk chunk, long result) {
        String call = chunk.target.call();
        if (result == ENOTTY) {
            return StopReason.of(Kind.NOT_POSSIBLE, chunk.writeAt(), "this kernel has none of: " + call);
        }
        Kind kind = result == EINTR || result == EAGAIN ? Kind.BUSY : Kind.REFUSED;
        return StopReason.refused(kind, call, chunk.writeAt(), -result);
    }

    /** Makes a call again while signals or others hinder it, as long as patience lasts. */
    private long patiently(LongSupplier call) {
        long since = System.nanoTime();
        while (true) {
            long result = call.getAsLong();
            if ((result != EINTR && result != EAGAIN)
                    || population.isCancelled()
                    || System.nanoTime() - since >= patience.toNanos()) {
                return result;
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    private @Nullable StopReason map(Chunk chunk) {
        PopulationStep step = chunk.step.step();
        boolean touched = !step.isMapOnly();
        if (!touched && step.access() == Access.WRITE && step.flavour() == Flavour.SHARED) {
            StopReason reason = touch(chunk, Access.WRITE);
            if (reason != null) {
                return reason;
            }
            touched = true;
        }
        if (vcpu != null && !withoutStageTwo) {
            StopReason reason = preFault(vcpu, chunk);
            if (reason != null || chunk.isDone()) {
                return reason;
            }
        }
        chunk.step.fellShort(Shortfall.NOT_IN_STAGE_TWO);
        StopReason reason = touched ? null : touch(chunk, step.access());
        if (reason == null) {
            chunk.mapped = chunk.size;
        }
        return reason;
    }

    private @Nullable StopReason touch(Chunk chunk, Access access) {
        long offset = chunk.targetOffset + chunk.mapped;
        long result = patiently(() -> chunk.target.touch(offset, chunk.size - chunk.mapped, access));
        if (result >= 0) {
            return null;
        }
        Kind kind = result == EINTR || result == EAGAIN ? Kind.BUSY : Kind.REFUSED;
        return StopReason.refused(kind, "populating host memory", chunk.mapAt(), -result);
    }

    /** Maps in the second stage: null if it is done, or if the kernel has no such thing. */
    private @Nullable StopReason preFault(Vcpu with, Chunk chunk) {
        PreFaultResult result = with.preFault(chunk.toMap(), patience);
        chunk.mapped += result.done();
        return switch (result) {
            case PreFaultResult.Complete _ -> null;
            case PreFaultResult.Busy busy ->
                StopReason.refused(Kind.BUSY, "KVM_PRE_FAULT_MEMORY", busy.at(), ErrorNumber.EAGAIN.number());
            case PreFaultResult.Interrupted stopped ->
                StopReason.of(Kind.CANCELLED, stopped.at(), "the thread was interrupted");
            case PreFaultResult.Refused refused -> {
                ErrorNumber error = refused.error();
                // The range is valid, so EINVAL means that a kernel before 6.11 does not know the request.
                if (error == ErrorNumber.EOPNOTSUPP || error == ErrorNumber.EINVAL) {
                    withoutStageTwo = true;
                    yield null;
                }
                Kind kind = error == ErrorNumber.EINTR ? Kind.BUSY : Kind.REFUSED;
                yield StopReason.refused(kind, "KVM_PRE_FAULT_MEMORY", refused.at(), error.number());
            }
        };
    }
}
