package io.guestmem.soft;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.mmu.NativeMemory;
import io.guestmem.soft.vm.Vcpu;
import io.guestmem.soft.vm.VcpuCounter;
import io.guestmem.soft.vm.VcpuFile;
import io.guestmem.soft.vm.VirtualMachine;
import io.guestmem.soft.vm.VmFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** A simulated host with one VM and one vCPU, and requests by name: what the tests of this room start from. */
final class SoftHost implements AutoCloseable {
    static final long PAGE = 4096;
    static final long HUGE = 2 << 20;
    static final int LOG = UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES;
    static final int READONLY = UserspaceMemoryRegionLayout.READONLY;
    static final int GMEM = UserspaceMemoryRegionLayout.GUEST_MEMFD;

    final SoftKernel kernel;
    final KvmFile system;
    final KvmFile vmFile;
    final KvmFile vcpuFile;
    final VirtualMachine vm;
    final Vcpu vcpu;
    final ScriptedCpu cpu;
    final HostMemory run;
    private final ScriptedCpu.Factory factory = new ScriptedCpu.Factory();

    SoftHost() {
        this(SoftKernelOptions.defaults());
    }

    SoftHost(SoftKernelOptions options) {
        this(options, VmType.DEFAULT);
    }

    SoftHost(SoftKernelOptions options, VmType type) {
        this(options, type, Schedule.FREE);
    }

    SoftHost(SoftKernelOptions options, VmType type, Schedule schedule) {
        this(options, type, schedule, 0, null);
    }

    private SoftHost(SoftKernelOptions options, VmType type, Schedule schedule, long ringBytes, @Nullable Trace trace) {
        kernel = new SoftKernel(options, factory, schedule, trace);
        system = kernel.open();
        vmFile = kernel.adopt((int) system.ioctl(KvmIoctl.CREATE_VM.code(), type.value()), "VM");
        vm = ((VmFile) file(vmFile)).vm();
        if (ringBytes != 0 && enable(Capability.DIRTY_LOG_RING_ACQ_REL.number(), ringBytes) != 0) {
            throw new AssertionError("no ring of " + ringBytes);
        }
        vcpuFile = createVcpu(0);
        vcpu = ((VcpuFile) file(vcpuFile)).vcpu();
        cpu = factory.last();
        run = vcpuFile.map(0, 12288);
    }

    /** A ring that is enabled before there are vCPUs. */
    record Ring(long bytes) {}

    SoftHost(SoftKernelOptions options, Ring ring) {
        this(options, VmType.DEFAULT, Schedule.FREE, ring.bytes(), null);
    }

    SoftHost(SoftKernelOptions options, Schedule schedule, Trace trace) {
        this(options, VmType.DEFAULT, schedule, 0, trace);
    }

    static SoftHost swProtected() {
        return new SoftHost(SoftKernelOptions.defaults(), VmType.SW_PROTECTED);
    }

    /** The open file of a descriptor of the first process. */
    io.guestmem.soft.vm.OpenFile file(KvmFile of) {
        return Objects.requireNonNull(kernel.process().files().descriptor(of.descriptor()))
                .file();
    }

    KvmFile createVcpu(int id) {
        long descriptor = vmFile.ioctl(KvmIoctl.CREATE_VCPU.code(), id);
        return kernel.adopt(Math.toIntExact(descriptor), "vCPU " + id);
    }

    Vcpu vcpuOf(KvmFile of) {
        return ((VcpuFile) file(of)).vcpu();
    }

    ScriptedCpu lastCpu() {
        return factory.last();
    }

    // Requests.

    static MemorySegment struct(int size) {
        return Arena.ofAuto().allocate(size, 8);
    }

    long slot(int slot, int flags, long gpa, long size, long hva) {
        return slot(vmFile, slot, flags, gpa, size, hva);
    }

    long slot(KvmFile file, int slot, int flags, long gpa, long size, long hva) {
        MemorySegment struct = struct(UserspaceMemoryRegionLayout.STRUCT.size());
        fill(struct, slot, flags, gpa, size, hva);
        return file.ioctl(KvmIoctl.SET_USER_MEMORY_REGION.code(), struct);
    }

    long slot2(int slot, int flags, long gpa, long size, long hva, int memfd, long offset) {
        MemorySegment struct = struct(UserspaceMemoryRegion2Layout.STRUCT.size());
        fill(struct, slot, flags, gpa, size, hva);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegion2Layout.GUEST_MEMFD_OFFSET, offset);
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegion2Layout.GUEST_MEMFD, memfd);
        return vmFile.ioctl(KvmIoctl.SET_USER_MEMORY_REGION2.code(), struct);
    }

    private static void fill(MemorySegment struct, int slot, int flags, long gpa, long size, long hva) {
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.FLAGS, flags);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR, gpa);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.MEMORY_SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.USERSPACE_ADDR, hva);
    }

    long createGuestMemfd(long size, long flags) {
        MemorySegment struct = struct(CreateGuestMemfdLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.FLAGS, flags);
        return vmFile.ioctl(KvmIoctl.CREATE_GUEST_MEMFD.code(), struct);
    }

    KvmFile guestMemfd(long size, long flags) {
        return kernel.adopt(Math.toIntExact(createGuestMemfd(size, flags)), "guest_memfd");
    }

    long attributes(long gpa, long size, long attributes) {
        MemorySegment struct = struct(MemoryAttributesLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.ADDRESS, gpa);
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.ATTRIBUTES, attributes);
        return vmFile.ioctl(KvmIoctl.SET_MEMORY_ATTRIBUTES.code(), struct);
    }

    long enable(int capability, long argument) {
        MemorySegment struct = struct(EnableCapLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, EnableCapLayout.CAP, capability);
        struct.set(ValueLayout.JAVA_LONG, EnableCapLayout.ARGS, argument);
        return vmFile.ioctl(KvmIoctl.ENABLE_CAP.code(), struct);
    }

    /** How a prefault ended, and what was left. */
    record PreFaulted(long result, long gpa, long size) {}

    PreFaulted preFault(long gpa, long size) {
        return preFault(vcpuFile, gpa, size);
    }

    static PreFaulted preFault(KvmFile vcpu, long gpa, long size) {
        MemorySegment struct = struct(PreFaultMemoryLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, gpa);
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, size);
        long result = vcpu.ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct);
        return new PreFaulted(
                result,
                struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA),
                struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE));
    }

    // The guest.

    /** Lets the guest do something, and answers what KVM_RUN does. */
    long guest(ToLongFunction<GuestAccess> program) {
        cpu.program = program;
        return vcpuFile.ioctl(KvmIoctl.RUN.code(), 0);
    }

    /** The guest reads a word: its value, or the negative outcome. */
    long guestRead(long gpa) {
        return guest(memory -> {
            long address = memory.read(gpa);
            return address < 0 ? address : NativeMemory.get(address);
        });
    }

    /** The guest writes a word: 0, or the negative outcome. */
    long guestWrite(long gpa, long value) {
        return guest(memory -> {
            long address = memory.write(gpa);
            if (address < 0) {
                return address;
            }
            NativeMemory.set(address, value);
            return 0;
        });
    }

    void setExitReason(int reason) {
        run.segment().set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, reason);
    }

    int exitReason() {
        return run.segment().get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON);
    }

    long counter(VcpuCounter counter) {
        return vcpu.counter(counter);
    }

    /** {@code pages_4k}, {@code pages_2m}, {@code pages_1g}. */
    long[] pages() {
        return new long[] {vm.pages(1), vm.pages(2), vm.pages(3)};
    }

    /** The process writes to every page of memory. */
    static void touch(HostMemory memory) {
        touch(memory, 0, memory.length());
    }

    static void touch(HostMemory memory, long offset, long length) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocate(8, 8);
            for (long at = offset; at < offset + length; at += PAGE) {
                word.set(ValueLayout.JAVA_LONG, 0, at | 1);
                if (memory.store(at, word) != 0) {
                    throw new AssertionError("cannot write at " + at);
                }
            }
        }
    }

    /** Whatever a test did, nothing is left. */
    @Override
    public void close() {
        run.close();
        kernel.close();
        MemoryUse left = kernel.memoryUse();
        assertThat(left).isEqualTo(new MemoryUse(left.poisonedFrames(), left.poisonedFrames(), 0, 0));
    }
}
