package io.guestmem.soft.vm;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MsrsLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.Struct;
import io.guestmem.abi.VmType;
import io.guestmem.soft.confidential.GuestMachine;
import io.guestmem.soft.confidential.GuestVcpu;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.KernelMemory;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** A VM for the confidential guest in it. */
record ConfidentialMachine(VirtualMachine vm) implements GuestMachine {
    private static final long PAGE = 4096;
    private static final int MOST_CPUID_ENTRIES = 256;

    @Override
    public VmType type() {
        return vm.type();
    }

    @Override
    public Set<VmType> hostTypes() {
        return vm.options().vmTypes();
    }

    @Override
    public List<? extends GuestVcpu> vcpus() {
        return vm.vcpus().stream().map(Registers::new).toList();
    }

    @Override
    public long withSlotsLock(LongSupplier action) {
        return vm.withSlotsLock(action);
    }

    @Override
    public boolean isPrivate(long gfn) {
        return vm.isPrivate(gfn);
    }

    @Override
    public long privatePages(long gfn) {
        Memslot slot = slot(gfn);
        return slot == null ? 0 : slot.endGfn() - gfn;
    }

    @Override
    public int populate(long gfn, PageContent content) {
        Memslot slot = slot(gfn);
        if (slot == null || !(slot.privateMemory() instanceof GuestMemfd memfd)) {
            return Failure.EINVAL;
        }
        return memfd.replace(slot.privateIndex() + gfn - slot.baseGfn(), content::put);
    }

    private @Nullable Memslot slot(long gfn) {
        Memslot slot = vm.slots().active(0).find(gfn);
        return slot == null || slot.privateMemory() == null ? null : slot;
    }

    @Override
    public MemorySegment frame(long pfn) {
        return NativeMemory.segment(vm.frames().address(pfn), PAGE);
    }

    @Override
    public long hostPage(long hva) {
        long page = vm.memory().faultIn(hva, true);
        return HostFault.isPage(page) ? HostFault.pfn(page) : page;
    }

    @Override
    public KernelMemory kernelMemory() {
        return vm.kernelMemory();
    }

    @Override
    public MemorySegment supportedCpuid() {
        long most = CpuidLayout.ENTRIES + (long) MOST_CPUID_ENTRIES * CpuidLayout.ENTRY.size();
        KernelArgument argument = KernelArgument.ofSize(most);
        argument.segment().set(ValueLayout.JAVA_INT_UNALIGNED, CpuidLayout.NENT, MOST_CPUID_ENTRIES);
        if (vm.cpus().supportedCpuid(vm.options(), argument) != 0) {
            return MemorySegment.NULL;
        }
        int count = UserStruct.u32(argument.segment(), CpuidLayout.NENT);
        return argument.segment().asSlice(CpuidLayout.ENTRIES, (long) count * CpuidLayout.ENTRY.size());
    }

    /** A vCPU's registers. */
    record Registers(Vcpu vcpu) implements GuestVcpu {
        @Override
        public int id() {
            return vcpu.id();
        }

        @Override
        public MemorySegment registers() {
            return get(KvmIoctl.GET_REGS, RegsLayout.STRUCT);
        }

        @Override
        public MemorySegment systemRegisters() {
            return get(KvmIoctl.GET_SREGS, SregsLayout.STRUCT);
        }

        private MemorySegment get(KvmIoctl request, Struct struct) {
            KernelArgument argument = KernelArgument.ofSize(struct.size());
            vcpu.request(request, argument);
            return argument.segment();
        }

        @Override
        public long modelSpecificRegister(int index) {
            int entry = MsrsLayout.STRUCT.size();
            KernelArgument argument = KernelArgument.ofSize(entry + MsrsLayout.ENTRY.size());
            argument.segment().set(ValueLayout.JAVA_INT_UNALIGNED, MsrsLayout.NMSRS, 1);
            argument.segment().set(ValueLayout.JAVA_INT_UNALIGNED, entry + MsrsLayout.ENTRY_INDEX, index);
            vcpu.request(KvmIoctl.GET_MSRS, argument);
            return UserStruct.u64(argument.segment(), entry + MsrsLayout.ENTRY_DATA);
        }
    }
}
