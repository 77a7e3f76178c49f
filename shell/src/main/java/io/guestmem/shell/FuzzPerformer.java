package io.guestmem.shell;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SignalMaskLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Performs calls on a world and checks what comes back. For one thread. */
final class FuzzPerformer implements AutoCloseable {
    private static final long LOWEST_ERRNO = -4095;
    private static final long RUN_SIZE = 12288;
    private static final long RUN_MILLISECONDS = 2;
    private static final List<HostAdvice> ADVICE = List.of(HostAdvice.values());
    private static final List<HostProtection> PROTECTIONS = List.of(HostProtection.values());
    private static final int EXPOSED = 1 << 16;

    /** What the kernel may read and write behind a struct on the real kernel: the entries that a count promises. */
    private static final int ROOM = 1 << 16;

    private final FuzzWorld world;
    private final boolean exact;
    private final boolean runsGuests;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment structs = arena.allocate(ROOM, Long.BYTES);
    private final MemorySegment target = arena.allocate(EXPOSED, Long.BYTES);
    private final UserMemory exposed;

    /**
     * For a world.
     *
     * @param exact whether a struct ends where its bytes end, and not with room behind them
     * @param runsGuests whether guests run for a while; otherwise each run is interrupted before it begins
     */
    FuzzPerformer(FuzzWorld world, boolean exact, boolean runsGuests) {
        this.world = world;
        this.exact = exact;
        this.runsGuests = runsGuests;
        this.exposed = world.kernel().expose(target);
    }

    /**
     * Performs a call.
     *
     * @return the result; empty if there was nothing to call
     * @throws FuzzFinding if the kernel did what it must not do
     */
    OptionalLong perform(FuzzCall call) {
        return switch (call.verb) {
            case LOAD, STORE, ADVISE, PROTECT, UNMAP -> OptionalLong.of(checked(call, memory(call)));
            case CLOSE -> world.close(call.kind, call.target).isPresent() ? OptionalLong.of(0) : OptionalLong.empty();
            default -> {
                FuzzWorld.Held held = world.file(call.kind, call.target).orElse(null);
                yield held == null ? OptionalLong.empty() : guarded(call, held);
            }
        };
    }

    private OptionalLong guarded(FuzzCall call, FuzzWorld.Held held) {
        try {
            long result = checked(call, file(call, held));
            if (call.verb == FuzzCall.Verb.STRUCT || call.verb == FuzzCall.Verb.VALUE) {
                world.made(held, call.code, result);
            }
            return OptionalLong.of(result);
        } catch (IllegalStateException late) {
            if (held.closing) {
                return OptionalLong.empty();
            }
            throw late;
        }
    }

    private static long checked(FuzzCall call, long result) {
        if (result < LOWEST_ERRNO) {
            throw new FuzzFinding(call.verb + " answered " + result + ", which is neither a result nor an errno");
        }
        if (call.verb == FuzzCall.Verb.READ && result > call.second) {
            throw new FuzzFinding("READ of " + call.second + " bytes answered " + result);
        }
        return result;
    }

    private long file(FuzzCall call, FuzzWorld.Held held) {
        return switch (call.verb) {
            case STRUCT -> held.file.ioctl(call.code, struct(call));
            case VALUE -> value(call, held);
            case READ -> held.file.readAt(call.first, structs.asSlice(0, call.second));
            case ALLOCATE -> held.file.allocate(call.code, call.first, call.second);
            case MAP -> map(held, call.first, call.second);
            case RUN -> run(held, call.first != 0);
            default -> realMode(held, call.first);
        };
    }

    /** A guest must stay interruptible: it runs with a limit, and the mask that lets the signal through is not taken away. */
    private long value(FuzzCall call, FuzzWorld.Held held) {
        boolean runs = call.code == KvmIoctl.RUN.code() && call.first == 0;
        if (runs && held.kind == KvmFileKind.VCPU) {
            return run(held, false);
        }
        boolean unmasks = call.code == KvmIoctl.SET_SIGNAL_MASK.code() && call.first == 0;
        return held.file.ioctl(call.code, unmasks ? -1 : call.first);
    }

    private MemorySegment struct(FuzzCall call) {
        byte[] bytes = call.bytes();
        structs.asSlice(0, Math.max(bytes.length, 1)).fill((byte) 0);
        MemorySegment.copy(bytes, 0, structs, ValueLayout.JAVA_BYTE, 0, bytes.length);
        for (FuzzCall.Pointer pointer : call.pointers) {
            long value = value(pointer);
            if (pointer.width() == Long.BYTES) {
                structs.set(ValueLayout.JAVA_LONG_UNALIGNED, pointer.offset(), value);
            } else {
                structs.set(ValueLayout.JAVA_INT_UNALIGNED, pointer.offset(), (int) value);
            }
        }
        if (call.code == KvmIoctl.SET_SIGNAL_MASK.code()) {
            structs.set(ValueLayout.JAVA_LONG_UNALIGNED, SignalMaskLayout.SIGSET, maskWhileRunning());
        }
        return exact ? structs.asSlice(0, bytes.length) : structs;
    }

    /** Nobody runs guests on a kernel of which only what is safe is asked. */
    private long maskWhileRunning() {
        return exact ? world.kernel().currentThread().maskWhileRunning() : 0;
    }

    private long value(FuzzCall.Pointer pointer) {
        return switch (pointer.to()) {
            case MEMORY -> world.memory(pointer.index()).hva() + pointer.delta();
            case EXPOSED -> exposed.address() + pointer.delta();
            case GUEST_MEMFD ->
                world.file(KvmFileKind.GUEST_MEMFD, pointer.index())
                        .map(FuzzPerformer::descriptor)
                        .orElse(-1L);
        };
    }

    private static long descriptor(FuzzWorld.Held held) {
        try {
            return held.file.descriptor();
        } catch (IllegalStateException late) {
            if (held.closing) {
                return -1;
            }
            throw late;
        }
    }

    private static long map(FuzzWorld.Held held, long offset, long length) {
        try (HostMemory mapped = held.file.map(offset, length)) {
            return mapped.length() == length ? 0 : -ErrorNumber.EIO.number();
        } catch (KernelException refused) {
            return -refused.errno();
        }
    }

    private long memory(FuzzCall call) {
        HostMemory memory = world.memory(call.target);
        return switch (call.verb) {
            case LOAD -> memory.load(call.first, structs.asSlice(0, Math.min(call.second, ROOM)));
            case STORE -> {
                MemorySegment.copy(call.bytes(), 0, structs, ValueLayout.JAVA_BYTE, 0, call.length());
                yield memory.store(call.first, structs.asSlice(0, call.length()));
            }
            case ADVISE -> memory.advise(ADVICE.get(call.code), call.first, call.second);
            case PROTECT -> memory.protect(PROTECTIONS.get(call.code), call.first, call.second);
            default -> memory.unmap(call.first, call.second);
        };
    }

    /** Whatever the guest's code is, it ends soon. */
    private long run(FuzzWorld.Held vcpu, boolean immediately) {
        try (HostMemory shared = vcpu.file.map(0, RUN_SIZE)) {
            MemorySegment run = shared.segment();
            VcpuThread self = world.kernel().currentThread();
            long masked = allowInterrupts(vcpu, self);
            if (masked < 0) {
                return masked;
            }
            run.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) (immediately || !runsGuests ? 1 : 0));
            if (!runsGuests) {
                return vcpu.file.ioctl(KvmIoctl.RUN.code(), 0);
            }
            CountDownLatch ended = new CountDownLatch(1);
            Thread watchdog = Thread.ofVirtual().name("fuzz-limit").start(() -> interrupt(ended, run, self));
            try {
                return vcpu.file.ioctl(KvmIoctl.RUN.code(), 0);
            } finally {
                ended.countDown();
                watchdog.join();
                self.clearInterrupt();
                run.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 0);
            }
        } catch (KernelException refused) {
            return -refused.errno();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return -ErrorNumber.EINTR.number();
        }
    }

    private long allowInterrupts(FuzzWorld.Held vcpu, VcpuThread self) {
        MemorySegment mask = structs.asSlice(0, SignalMaskLayout.SIGSET + Long.BYTES);
        mask.set(ValueLayout.JAVA_INT, SignalMaskLayout.LEN, Long.BYTES);
        mask.set(ValueLayout.JAVA_LONG_UNALIGNED, SignalMaskLayout.SIGSET, self.maskWhileRunning());
        return vcpu.file.ioctl(KvmIoctl.SET_SIGNAL_MASK.code(), mask);
    }

    /** Again and again: another run of the same vCPU takes the byte back, and an old signal may be consumed. */
    private static void interrupt(CountDownLatch ended, MemorySegment run, VcpuThread thread) {
        try {
            while (!ended.await(RUN_MILLISECONDS, TimeUnit.MILLISECONDS)) {
                run.set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
                thread.interrupt();
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    private long realMode(FuzzWorld.Held vcpu, long address) {
        MemorySegment sregs = structs.asSlice(0, SregsLayout.STRUCT.size());
        long result = vcpu.file.ioctl(KvmIoctl.GET_SREGS.code(), sregs);
        if (result < 0) {
            return result;
        }
        StructBuffer fields = new StructBuffer(SregsLayout.STRUCT, sregs);
        fields.set("cs.base", address & -16);
        fields.set("cs.selector", address >>> 4 & 0xffff);
        fields.set("cr0", 0x10);
        fields.set("efer", 0);
        return vcpu.file.ioctl(KvmIoctl.SET_SREGS.code(), sregs);
    }

    @Override
    public void close() {
        exposed.close();
        arena.close();
    }
}
