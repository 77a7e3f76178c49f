package io.guestmem.conform;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SevInitLayout;
import io.guestmem.abi.SevLaunchStartLayout;
import io.guestmem.abi.SevLaunchUpdateDataLayout;
import io.guestmem.abi.SnpLaunchFinishLayout;
import io.guestmem.abi.SnpLaunchStartLayout;
import io.guestmem.abi.SnpLaunchUpdateLayout;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.TdxInitMemRegionLayout;
import io.guestmem.abi.TdxInitVmLayout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.launch.SevDevice;
import io.guestmem.linux.LinuxException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A confidential VM by its raw commands: each answers what the kernel did, and the struct as it left it.
 *
 * @param trial on a kernel that has the type
 * @param vm of the type
 * @param device descriptor of {@code /dev/sev}
 */
record Launching(Trial trial, RawVm vm, int device) {
    static final long GPA = Guest.FREE;
    static final int PAGES = 4;
    static final long PAGE = Numbers.PAGE;
    static final long POLICY = 0x30000;

    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int FOUR_LEVELS = 48 << 16;

    /** Of the I/O APIC outside the kernel. */
    private static final int PINS = 24;

    /** The bit of a gpa that makes it shared, with 48 bits. */
    static final long SHARED_BIT = 1L << 47;

    /** A new VM of a type, on a kernel or a model that has it, or a skip. */
    static Launching of(Trial t, VmType type) {
        Trial trial = t.on(type);
        return new Launching(trial, trial.vm(type), type == VmType.TDX ? -1 : device(trial));
    }

    private static int device(Trial trial) {
        try {
            return trial.own(SevDevice.open(trial.kernel())).descriptor();
        } catch (LinuxException absent) {
            throw new SkippedException("no security processor: " + absent.getMessage());
        }
    }

    /** A slot of private memory, by its attributes too. Answers the memory behind it for pages that are shared. */
    HostMemory privateSlot() {
        GuestMemfdFile file = vm.guestMemfd(PAGES * PAGE, 0);
        HostMemory shared = trial.memory(PAGES * PAGE);
        Region region = Region.of(0, GPA, shared).withGuestMemfd(file.descriptor(), 0);
        trial.must("memslot", vm.set2(region));
        vm.makePrivate(GPA, PAGES * PAGE);
        return shared;
    }

    /** Source pages that are full of 1, 2, 3, …. */
    HostMemory source(int pages) {
        HostMemory memory = trial.memory(pages * PAGE);
        for (int page = 0; page < pages; page++) {
            memory.segment().asSlice(page * PAGE, PAGE).fill((byte) (page + 1));
        }
        return memory;
    }

    // SEV, SEV-ES, SNP.

    /**
     * How a command of SEV ended.
     *
     * @param result 0 or a negated errno
     * @param error of the firmware
     */
    record Sev(long result, int error) {
        @Override
        public String toString() {
            return Trial.answer(result) + " firmware 0x" + Integer.toHexString(error);
        }
    }

    /** Any command with a struct; {@link MemorySegment#NULL} for none. */
    Sev sev(int id, MemorySegment data) {
        MemorySegment command = trial.struct(SevCommandLayout.STRUCT.size());
        command.set(ValueLayout.JAVA_INT, SevCommandLayout.ID, id);
        command.set(
                ValueLayout.JAVA_LONG,
                SevCommandLayout.DATA,
                data.equals(MemorySegment.NULL) ? 0 : trial.pointer(data));
        command.set(ValueLayout.JAVA_INT, SevCommandLayout.SEV_FD, device);
        long result = vm.file().ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), command);
        return new Sev(result, command.get(ValueLayout.JAVA_INT, SevCommandLayout.ERROR));
    }

    Sev init2() {
        return sev(SevCommandLayout.INIT2, trial.struct(SevInitLayout.STRUCT.size()));
    }

    Sev launchStart(int policy) {
        MemorySegment start = trial.struct(SevLaunchStartLayout.STRUCT.size());
        start.set(ValueLayout.JAVA_INT, SevLaunchStartLayout.POLICY, policy);
        return sev(SevCommandLayout.LAUNCH_START, start);
    }

    Sev launchUpdateData(long address, int length) {
        MemorySegment update = trial.struct(SevLaunchUpdateDataLayout.STRUCT.size());
        update.set(ValueLayout.JAVA_LONG, SevLaunchUpdateDataLayout.UADDR, address);
        update.set(ValueLayout.JAVA_INT, SevLaunchUpdateDataLayout.LEN, length);
        return sev(SevCommandLayout.LAUNCH_UPDATE_DATA, update);
    }

    Sev snpStart(long policy, int flags) {
        MemorySegment start = trial.struct(SnpLaunchStartLayout.STRUCT.size());
        start.set(ValueLayout.JAVA_LONG, SnpLaunchStartLayout.POLICY, policy);
        start.set(ValueLayout.JAVA_SHORT, SnpLaunchStartLayout.FLAGS, (short) flags);
        return sev(SevCommandLayout.SNP_LAUNCH_START, start);
    }

    Sev snpFinish() {
        return sev(SevCommandLayout.SNP_LAUNCH_FINISH, trial.struct(SnpLaunchFinishLayout.STRUCT.size()));
    }

    /** Begins the launch of an SNP guest. */
    Launching begunSnp() {
        trial.must("KVM_SEV_INIT2", init2().result());
        trial.must("KVM_SEV_SNP_LAUNCH_START", snpStart(POLICY, 0).result());
        return this;
    }

    /**
     * How {@code KVM_SEV_SNP_LAUNCH_UPDATE} ended.
     *
     * @param sev result and status
     * @param gfn in the struct afterwards
     * @param uaddr in the struct afterwards
     * @param len in the struct afterwards
     */
    record Updated(Sev sev, long gfn, long uaddr, long len) {
        @Override
        public String toString() {
            return sev + " gfn 0x" + Long.toHexString(gfn) + " uaddr 0x" + Long.toHexString(uaddr) + " len " + len;
        }
    }

    /** How {@link #snpUpdate} should end; firmware 0. */
    static Updated updated(long result, long gpa, long uaddr, long len) {
        return new Updated(new Sev(result, 0), gpa / PAGE, uaddr, len);
    }

    Updated snpUpdate(int type, long gpa, long uaddr, long len) {
        return snpUpdate(type, gpa, uaddr, len, 0);
    }

    Updated snpUpdate(int type, long gpa, long uaddr, long len, int flags) {
        MemorySegment update = trial.struct(SnpLaunchUpdateLayout.STRUCT.size());
        update.set(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.GFN_START, gpa / PAGE);
        update.set(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.UADDR, uaddr);
        update.set(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.LEN, len);
        update.set(ValueLayout.JAVA_BYTE, SnpLaunchUpdateLayout.TYPE, (byte) type);
        update.set(ValueLayout.JAVA_SHORT, SnpLaunchUpdateLayout.FLAGS, (short) flags);
        Sev sev = sev(SevCommandLayout.SNP_LAUNCH_UPDATE, update);
        return new Updated(
                sev,
                update.get(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.GFN_START),
                update.get(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.UADDR),
                update.get(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.LEN));
    }

    // TDX.

    /** Any command of a VM or a vCPU. */
    long tdx(KvmFile file, int id, int flags, long data, long hwError) {
        MemorySegment command = trial.struct(TdxCommandLayout.STRUCT.size());
        command.set(ValueLayout.JAVA_INT, TdxCommandLayout.ID, id);
        command.set(ValueLayout.JAVA_INT, TdxCommandLayout.FLAGS, flags);
        command.set(ValueLayout.JAVA_LONG, TdxCommandLayout.DATA, data);
        command.set(ValueLayout.JAVA_LONG, TdxCommandLayout.HW_ERROR, hwError);
        return file.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), command);
    }

    /** {@code KVM_TDX_INIT_VM} with 48 bits of addresses. */
    long initVm() {
        MemorySegment init = trial.struct(TdxInitVmLayout.STRUCT.size() + CpuidLayout.ENTRY.size());
        init.set(ValueLayout.JAVA_LONG, TdxInitVmLayout.XFAM, 3);
        init.set(ValueLayout.JAVA_INT, TdxInitVmLayout.CPUID + CpuidLayout.NENT, 1);
        long entry = TdxInitVmLayout.STRUCT.size();
        init.set(ValueLayout.JAVA_INT, entry + CpuidLayout.ENTRY_FUNCTION, ADDRESS_SIZES);
        init.set(ValueLayout.JAVA_INT, entry + CpuidLayout.ENTRY_EAX, FOUR_LEVELS);
        return tdx(vm.file(), TdxCommandLayout.INIT_VM, 0, trial.pointer(init), 0);
    }

    /** Makes the VM a TD with one vCPU that is initialised. */
    RawVcpu begunTdx() {
        if (vm.capability(Capability.SPLIT_IRQCHIP) != 0) {
            trial.must("KVM_CAP_SPLIT_IRQCHIP", vm.enable(Capability.SPLIT_IRQCHIP, 0, PINS));
        }
        trial.must("KVM_TDX_INIT_VM", initVm());
        RawVcpu vcpu = vm.vcpu(0);
        vcpu.setCpuid(CpuidTable.supported(trial));
        trial.must("KVM_TDX_INIT_VCPU", tdx(vcpu.file(), TdxCommandLayout.INIT_VCPU, 0, 0, 0));
        return vcpu;
    }

    long finalizeVm() {
        return tdx(vm.file(), TdxCommandLayout.FINALIZE_VM, 0, 0, 0);
    }

    /**
     * How {@code KVM_TDX_INIT_MEM_REGION} ended.
     *
     * @param result 0 or a negated errno
     * @param source in the struct afterwards
     * @param gpa in the struct afterwards
     * @param pages in the struct afterwards
     */
    record Added(long result, long source, long gpa, long pages) {
        @Override
        public String toString() {
            return Trial.answer(result) + " source 0x" + Long.toHexString(source) + " gpa 0x" + Long.toHexString(gpa)
                    + " left " + pages;
        }
    }

    Added initMemRegion(RawVcpu vcpu, long source, long gpa, long pages, int flags) {
        MemorySegment region = trial.struct(TdxInitMemRegionLayout.STRUCT.size());
        region.set(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.SOURCE_ADDR, source);
        region.set(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.GPA, gpa);
        region.set(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.NR_PAGES, pages);
        long result = tdx(vcpu.file(), TdxCommandLayout.INIT_MEM_REGION, flags, trial.pointer(region), 0);
        return new Added(
                result,
                region.get(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.SOURCE_ADDR),
                region.get(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.GPA),
                region.get(ValueLayout.JAVA_LONG, TdxInitMemRegionLayout.NR_PAGES));
    }
}
