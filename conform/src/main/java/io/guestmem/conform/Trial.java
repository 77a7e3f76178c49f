package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EINTR;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VmType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * One run of one check on one kernel: what the check makes, what it expects, and the end of it all. The first expectation that
 * is not met ends the check.
 *
 * <p>Made and used by one thread; {@link #background} is how a check gets another.
 */
public final class Trial implements AutoCloseable {
    /** {@code ENOSYS}: a small kernel has no {@code process_vm_readv(2)}, by which host memory is touched. */
    private static final long NO_SUCH_CALL = -38;

    private final ConformanceKernel on;
    private final Arena arena = Arena.ofShared();
    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final List<String> seen;
    private @Nullable KvmFile system;

    Trial(ConformanceKernel on) {
        this(on, new ArrayList<>());
    }

    private Trial(ConformanceKernel on, List<String> seen) {
        this.on = on;
        this.seen = seen;
    }

    /** The kernel under test and what is known of it. */
    ConformanceKernel on() {
        return on;
    }

    Kernel kernel() {
        return on.kernel();
    }

    // What is expected.

    /** A result: 0 or more is a value, less is a negated errno. */
    void expect(String what, long expected, long actual) {
        note(what, answer(expected), answer(actual));
    }

    void expect(String what, ErrorNumber expected, long actual) {
        note(what, expected.name(), answer(actual));
    }

    void expect(String what, Answer expected, long actual) {
        note(what, answer(expected.in(on.release())), answer(actual));
    }

    void expect(String what, boolean expected, boolean actual) {
        note(what, Boolean.toString(expected), Boolean.toString(actual));
    }

    void expectSame(String what, Object expected, Object actual) {
        note(what, expected.toString(), actual.toString());
    }

    void expectHex(String what, long expected, long actual) {
        note(what, "0x" + Long.toHexString(expected), "0x" + Long.toHexString(actual));
    }

    /** One of several answers, for races. */
    void expectOneOf(String what, long actual, long... allowed) {
        List<String> answers = new ArrayList<>();
        for (long each : allowed) {
            answers.add(answer(each));
        }
        String is = answer(actual);
        if (!answers.contains(is)) {
            throw new MismatchException(what, String.join(" or ", answers), is);
        }
        seen.add(what + " = " + is);
    }

    private void note(String what, String expected, String actual) {
        if (!expected.equals(actual)) {
            throw new MismatchException(what, expected, actual);
        }
        seen.add(what + " = " + actual);
    }

    /** What has been seen so far. */
    String seen() {
        return String.join("; ", seen);
    }

    /** A result as text: a decimal value, or the errno's name. */
    static String answer(long result) {
        if (result >= 0 || result < -4095) {
            return Long.toString(result);
        }
        int errno = Math.toIntExact(-result);
        return ErrorNumber.of(errno).map(ErrorNumber::name).orElse("errno " + errno);
    }

    /** A step that only prepares: it must work. */
    long must(String what, long result) {
        if (result < 0) {
            throw new MismatchException(what, "0", answer(result));
        }
        return result;
    }

    // What this kernel is able to do.

    static void require(boolean condition, String reason) {
        if (!condition) {
            throw new SkippedException(reason);
        }
    }

    <T> T require(Optional<T> thing, String reason) {
        return thing.orElseThrow(() -> new SkippedException(reason));
    }

    long capability(Capability capability) {
        return request(system(), KvmIoctl.CHECK_EXTENSION, capability.number());
    }

    void requireTdp() {
        require(
                capability(Capability.PRE_FAULT_MEMORY) == 1,
                "no TDP: KVM_CAP_PRE_FAULT_MEMORY is 0, this kernel shadows page tables");
        requirePreFault();
    }

    /** A model may answer the third proposal under the same code. */
    void requirePreFault() {
        require(
                !on.model().map(ModelInspection::isThirdProposal).orElse(false),
                "this model answers the third KVM_MAP_MEMORY in place of KVM_PRE_FAULT_MEMORY");
    }

    /** Whether a pre-faulted entry needs a fault, without asking the host, when it is accessed first. */
    boolean tracksAccess() {
        return !on.host().accessedDirtyBits().orElse(true);
    }

    /** The width of physical addresses: of the host with TDP, of what a guest may be told otherwise. */
    int guestPhysicalBits() {
        return CpuidTable.supported(this).leaf(0x8000_0008, 0).eax() & 0xFF;
    }

    ModelInspection model() {
        return require(on.model(), "only a model shows this");
    }

    // What a check makes.

    /** Is closed at the end, the last one first. */
    <T extends AutoCloseable> T own(T resource) {
        owned.push(resource);
        return resource;
    }

    KvmFile system() {
        if (system == null) {
            system = own(kernel().open());
        }
        return system;
    }

    /** Takes over the descriptor that a request answered. */
    KvmFile adopt(String what, long result) {
        return own(kernel().adopt((int) must(what, result), what));
    }

    /** A VM of the default type. */
    RawVm vm() {
        return vm(VmType.DEFAULT);
    }

    RawVm vm(VmType type) {
        return new RawVm(
                this, adopt("KVM_CREATE_VM " + type, request(system(), KvmIoctl.CREATE_VM, type.value())), type);
    }

    /** A VM with private memory, or a skip. */
    RawVm privateVm() {
        require(
                offersPrivateMemory(),
                "no VMs of type SW_PROTECTED: KVM_CAP_VM_TYPES is " + capability(Capability.VM_TYPES));
        return vm(VmType.SW_PROTECTED);
    }

    private boolean offersPrivateMemory() {
        return offers(VmType.SW_PROTECTED);
    }

    private boolean offers(VmType type) {
        return (capability(Capability.VM_TYPES) & 1 << type.value()) != 0;
    }

    /** Whether {@link #on(VmType)} is no skip. */
    boolean canHave(VmType type) {
        return offers(type) || on.model().isPresent();
    }

    /**
     * This trial, if its kernel has VMs of a type; of a model otherwise a trial of the same one on another processor. A skip on a
     * real kernel without the type.
     */
    Trial on(VmType type) {
        if (offers(type)) {
            return this;
        }
        require(
                on.model().isPresent(),
                "no VMs of type " + type + ": KVM_CAP_VM_TYPES is " + capability(Capability.VM_TYPES));
        return own(new Trial(own(model().onProcessorWith(type)), seen));
    }

    /** A VM with guest_memfds of its own, of the default type if that has them, or a skip. */
    RawVm guestMemfdVm() {
        RawVm vm = vm();
        if (vm.capability(Capability.GUEST_MEMFD) == 1) {
            return vm;
        }
        require(offersPrivateMemory(), "no guest_memfd for VMs of the default type, and no other type");
        return vm(VmType.SW_PROTECTED);
    }

    HostMemory memory(long length) {
        return memory(HostMemoryKind.PRIVATE_ANONYMOUS, length);
    }

    HostMemory memory(HostMemoryKind kind, long length) {
        return own(kernel().allocate(kind, length));
    }

    /** 8 bytes of host memory, touching only their page. */
    long load(HostMemory memory, long offset) {
        MemorySegment eight = struct(Long.BYTES);
        must("touch of host memory", tryLoad(memory, offset, eight));
        return eight.get(ValueLayout.JAVA_LONG, 0);
    }

    /** The same: 0 or a negated errno. */
    long tryLoad(HostMemory memory, long offset, MemorySegment eight) {
        long result = memory.load(offset, eight);
        if (result == NO_SUCH_CALL) {
            result = memory.advise(HostAdvice.POPULATE_READ, offset & -Numbers.PAGE, Numbers.PAGE);
            if (result == 0) {
                eight.copyFrom(memory.segment().asSlice(offset, Long.BYTES));
            }
        }
        return result;
    }

    /** Writes 8 bytes of host memory, touching only their page. */
    void store(HostMemory memory, long offset, long value) {
        MemorySegment eight = struct(Long.BYTES);
        eight.set(ValueLayout.JAVA_LONG, 0, value);
        long result = memory.store(offset, eight);
        if (result == NO_SUCH_CALL) {
            result = memory.advise(HostAdvice.POPULATE_WRITE, offset & -Numbers.PAGE, Numbers.PAGE);
            if (result == 0) {
                memory.segment().asSlice(offset, Long.BYTES).copyFrom(eight);
            }
        }
        must("touch of host memory", result);
    }

    /** Zeroed native memory for a struct. */
    MemorySegment struct(long size) {
        return arena.allocate(size, Long.BYTES);
    }

    /** The pointer to native memory, for structs that hold one. */
    long pointer(MemorySegment memory) {
        UserMemory exposed = own(kernel().expose(memory));
        return exposed.address();
    }

    /** Runs on another thread. */
    <T> Background<T> background(String name, Callable<T> work) {
        return own(new Background<>(name, work));
    }

    /** A request with a value, made again while a signal interrupts it. */
    static long request(KvmFile file, KvmIoctl request, long argument) {
        long result;
        do {
            result = file.ioctl(request.code(), argument);
        } while (result == -EINTR.number());
        return result;
    }

    /** A request with a struct, made again while a signal interrupts it. */
    static long request(KvmFile file, KvmIoctl request, MemorySegment argument) {
        long result;
        do {
            result = file.ioctl(request.code(), argument);
        } while (result == -EINTR.number());
        return result;
    }

    /** Takes down what the check made. */
    @Override
    public void close() {
        while (!owned.isEmpty()) {
            closeOne(owned.pop());
        }
        arena.close();
    }

    private static void closeOne(AutoCloseable resource) {
        try {
            resource.close();
        } catch (RuntimeException failed) {
            throw failed;
        } catch (Exception failed) {
            throw new IllegalStateException("cannot close " + resource, failed);
        }
    }
}
