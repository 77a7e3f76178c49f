package io.guestmem.soft.confidential;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.Struct;
import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.MemoryUse;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A simulated host with one VM, from which a VMM launches: its commands by name. */
final class LaunchHost implements AutoCloseable {
    static final int PAGE = 4096;
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;

    /** What QEMU leaves in RDX: the signature of EPYC-Milan. */
    static final long SIGNATURE = 0xA00F11;

    final SoftKernel kernel;
    final KvmFile vm;
    final HostMemory user;
    final List<KvmFile> vcpus = new ArrayList<>();
    private int slots;

    LaunchHost(Set<VmType> types, VmType type) {
        kernel = new SoftKernel(
                SoftKernelOptions.defaults().with().vmTypes(types).build());
        long descriptor = kernel.open().ioctl(KvmIoctl.CREATE_VM.code(), type.value());
        vm = kernel.adopt(Math.toIntExact(descriptor), "VM");
        user = kernel.allocate(64 * PAGE);
    }

    // Memory.

    /** Puts bytes into the process's memory, and answers their hva. */
    long put(long offset, MemorySegment bytes) {
        assertThat(user.store(offset, bytes)).isZero();
        return user.hva() + offset;
    }

    byte[] get(long offset, int length) {
        MemorySegment into = MemorySegment.ofArray(new byte[length]);
        assertThat(user.load(offset, into)).isZero();
        return into.toArray(ValueLayout.JAVA_BYTE);
    }

    static MemorySegment struct(Struct struct) {
        return struct(struct.size());
    }

    static MemorySegment struct(long size) {
        return MemorySegment.ofArray(new long[(int) ((size + 7) / 8)]);
    }

    /** A memslot of private memory; answers its guest_memfd. */
    KvmFile privateSlot(long gpa, long size) {
        MemorySegment create = struct(CreateGuestMemfdLayout.STRUCT);
        create.set(U64, CreateGuestMemfdLayout.SIZE, size);
        long memfd = vm.ioctl(KvmIoctl.CREATE_GUEST_MEMFD.code(), create);
        MemorySegment region = struct(UserspaceMemoryRegion2Layout.STRUCT);
        region.set(U32, UserspaceMemoryRegionLayout.SLOT, slots++);
        region.set(U32, UserspaceMemoryRegionLayout.FLAGS, UserspaceMemoryRegionLayout.GUEST_MEMFD);
        region.set(U64, UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR, gpa);
        region.set(U64, UserspaceMemoryRegionLayout.MEMORY_SIZE, size);
        region.set(U64, UserspaceMemoryRegionLayout.USERSPACE_ADDR, user.hva());
        region.set(U32, UserspaceMemoryRegion2Layout.GUEST_MEMFD, (int) memfd);
        assertThat(vm.ioctl(KvmIoctl.SET_USER_MEMORY_REGION2.code(), region)).isZero();
        assertThat(attributes(gpa, size, MemoryAttributesLayout.PRIVATE)).isZero();
        return kernel.adopt(Math.toIntExact(memfd), "guest_memfd");
    }

    /** A memslot over the process's memory. */
    void plainSlot(long gpa, long size, long hva) {
        MemorySegment region = struct(UserspaceMemoryRegionLayout.STRUCT);
        region.set(U32, UserspaceMemoryRegionLayout.SLOT, slots++);
        region.set(U64, UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR, gpa);
        region.set(U64, UserspaceMemoryRegionLayout.MEMORY_SIZE, size);
        region.set(U64, UserspaceMemoryRegionLayout.USERSPACE_ADDR, hva);
        assertThat(vm.ioctl(KvmIoctl.SET_USER_MEMORY_REGION.code(), region)).isZero();
    }

    long attributes(long gpa, long size, long attributes) {
        MemorySegment struct = struct(MemoryAttributesLayout.STRUCT);
        struct.set(U64, MemoryAttributesLayout.ADDRESS, gpa);
        struct.set(U64, MemoryAttributesLayout.SIZE, size);
        struct.set(U64, MemoryAttributesLayout.ATTRIBUTES, attributes);
        return vm.ioctl(KvmIoctl.SET_MEMORY_ATTRIBUTES.code(), struct);
    }

    long preFault(int vcpu, long gpa, long size) {
        MemorySegment struct = struct(PreFaultMemoryLayout.STRUCT);
        struct.set(U64, PreFaultMemoryLayout.GPA, gpa);
        struct.set(U64, PreFaultMemoryLayout.SIZE, size);
        return vcpus.get(vcpu).ioctl(KvmIoctl.PRE_FAULT_MEMORY.code(), struct);
    }

    // vCPUs.

    KvmFile vcpu() {
        long descriptor = vm.ioctl(KvmIoctl.CREATE_VCPU.code(), vcpus.size());
        KvmFile made = kernel.adopt(Math.toIntExact(descriptor), "vCPU");
        vcpus.add(made);
        return made;
    }

    /** A vCPU as QEMU resets it. */
    KvmFile vcpuOfQemu(long eip) {
        KvmFile vcpu = vcpu();
        MemorySegment sregs = struct(SregsLayout.STRUCT);
        assertThat(vcpu.ioctl(KvmIoctl.GET_SREGS.code(), sregs)).isZero();
        for (int at : new int[] {SregsLayout.ES, SregsLayout.SS, SregsLayout.DS, SregsLayout.FS, SregsLayout.GS}) {
            segment(sregs, at, 0, 0, 0x3, 1);
        }
        segment(sregs, SregsLayout.CS, 0xF000, eip & 0xFFFF_0000L, 0xB, 1);
        segment(sregs, SregsLayout.LDT, 0, 0, 0x2, 0);
        segment(sregs, SregsLayout.TR, 0, 0, 0xB, 0);
        assertThat(vcpu.ioctl(KvmIoctl.SET_SREGS.code(), sregs)).isZero();
        MemorySegment regs = struct(RegsLayout.STRUCT);
        regs.set(U64, RegsLayout.RDX, SIGNATURE);
        regs.set(U64, RegsLayout.RFLAGS, 2);
        regs.set(U64, RegsLayout.RIP, eip & 0xFFFF);
        assertThat(vcpu.ioctl(KvmIoctl.SET_REGS.code(), regs)).isZero();
        return vcpu;
    }

    private static void segment(MemorySegment sregs, int at, int selector, long base, int type, int ofCode) {
        sregs.asSlice(at, SegmentLayout.STRUCT.size()).fill((byte) 0);
        sregs.set(U64, at + SegmentLayout.BASE, base);
        sregs.set(U32, at + SegmentLayout.LIMIT, 0xFFFF);
        sregs.set(ValueLayout.JAVA_SHORT_UNALIGNED, at + SegmentLayout.SELECTOR, (short) selector);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.TYPE, (byte) type);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.PRESENT, (byte) 1);
        sregs.set(ValueLayout.JAVA_BYTE, at + SegmentLayout.S, (byte) ofCode);
    }

    int exitReason(int vcpu) {
        try (HostMemory run = vcpus.get(vcpu).map(0, 3 * PAGE)) {
            return run.segment().get(U32, RunLayout.EXIT_REASON);
        }
    }

    // Commands.

    /** How a command ended, and the firmware's status. */
    record Outcome(long result, int error) {
        static final Outcome DONE = new Outcome(0, 0);
    }

    Outcome sev(int id, MemorySegment data) {
        return sev(id, data.byteSize() == 0 ? 0 : put(63 * PAGE, data), data);
    }

    /** With the data where it is told. */
    Outcome sev(int id, long pointer, MemorySegment into) {
        MemorySegment command = struct(SevCommandLayout.STRUCT);
        command.set(U32, SevCommandLayout.ID, id);
        command.set(U64, SevCommandLayout.DATA, pointer);
        long result = vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), command);
        if (pointer == user.hva() + 63 * PAGE) {
            assertThat(user.load(63 * PAGE, into)).isZero();
        }
        return new Outcome(result, command.get(U32, SevCommandLayout.ERROR));
    }

    LaunchSnapshot launch() {
        return kernel.inspect(vm).launch().orElseThrow();
    }

    byte[] atRest(long gpa) {
        return kernel.inspect(vm).atRest(gpa).orElseThrow();
    }

    /** Whatever a test did, nothing is left. */
    @Override
    public void close() {
        kernel.close();
        assertThat(kernel.memoryUse()).isEqualTo(new MemoryUse(0, 0, 0, 0));
    }
}
