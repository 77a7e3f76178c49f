package io.guestmem.soft.vm;

import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.Trace;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.FaultResult;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.MemslotSet;
import io.guestmem.soft.mmu.PageFault;
import io.guestmem.soft.mmu.PrivateMemory;
import io.guestmem.soft.mmu.ReadSections;
import io.guestmem.soft.mmu.Root;
import io.guestmem.soft.mmu.TdpMmu;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU's faults, from the access to the entry. Under the vCPU's mutex; allocates nothing.
 *
 * <pre>{@code
 *   memslot? ── fast path ── sequence ── flavour, slot ── page from host or guest_memfd ── mmu_lock ── stale? ── map
 *                                 ^                                                                      │
 *                                 └─────────────────────────── RETRY ────────────────────────────────────┘
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code mmu.c:kvm_mmu_do_page_fault}, {@code direct_page_fault}, {@code kvm_mmu_faultin_pfn},
 * {@code kvm_mmu_faultin_pfn_gmem}, {@code kvm_handle_noslot_fault}, {@code kvm_handle_error_pfn}.
 */
final class VcpuFaults {
    private final VirtualMachine vm;
    private final Vcpu vcpu;
    private final TdpMmu mmu;
    private final PageFault fault = new PageFault();

    /** Whether a prefetch ends at a memslot that is on its way out; before, it waited for ever: Linux 6.12. */
    private final boolean tellsInvalidSlot;

    /** The page without memslot that was accessed last, and the generation in which it had none. */
    private long mmioGfn = -1;

    private long mmioGeneration;

    VcpuFaults(VirtualMachine vm, Vcpu vcpu) {
        this.vm = vm;
        this.vcpu = vcpu;
        this.mmu = vm.mmu();
        this.tellsInvalidSlot = vm.options().kernelVersion().atLeast(KernelVersion.V6_18);
    }

    /** The fault that {@link #handle} was last used for: its level and its memslot. */
    PageFault last() {
        return fault;
    }

    /**
     * Handles a fault once.
     *
     * @param maxLevel the largest level that may be mapped
     * @return a {@link FaultResult} or a negated errno
     */
    int handle(
            Root root,
            long gfn,
            boolean write,
            boolean exec,
            boolean present,
            boolean prefetch,
            boolean isPrivate,
            int maxLevel) {
        ReadSections.Reader slotReader = vcpu.slotReader();
        vm.slots().readers().enter(slotReader);
        try {
            fault.start(gfn, write, exec, present, prefetch);
            fault.isPrivate = isPrivate;
            fault.maxLevel = maxLevel;
            MemslotSet set = vm.slots().active(vcpu.addressSpace());
            fault.slot = set.find(gfn);
            mmu.trace(Trace.Kind.FAULT, gfn, 1, prefetch ? "prefetch" : write ? "write" : exec ? "fetch" : "read");
            int result = handle(root, set);
            if (result == FaultResult.EMULATE && fault.isPrivate) {
                return memoryFault(Failure.EFAULT);
            }
            return result;
        } finally {
            vm.slots().readers().exit(slotReader);
        }
    }

    private int handle(Root root, MemslotSet set) {
        int fast = fixWithoutLock(root);
        if (fast != FaultResult.INVALID) {
            vcpu.count(VcpuCounter.PF_FAST);
            return fast;
        }
        int page = lookUp(set);
        if (page != FaultResult.CONTINUE) {
            return page;
        }
        vm.schedule().point(Schedule.Point.PAGE_LOOKED_UP);
        ReadSections.Reader tableReader = vcpu.tableReader();
        mmu.readers().enter(tableReader);
        mmu.lock().lockRead(vcpu.id());
        try {
            if (mmu.isStale(fault, root)) {
                return FaultResult.RETRY;
            }
            int result = mmu.map(fault, root, vcpu);
            if (result == FaultResult.EMULATE) {
                vcpu.count(VcpuCounter.PF_MMIO_SPTE_CREATED);
            }
            return result;
        } finally {
            mmu.lock().unlockRead(vcpu.id());
            mmu.readers().exit(tableReader);
        }
    }

    private int fixWithoutLock(Root root) {
        if (!mmu.canFixWithoutLock(fault) || fault.isPrivate != vm.isPrivate(fault.gfn)) {
            return FaultResult.INVALID;
        }
        ReadSections.Reader tableReader = vcpu.tableReader();
        mmu.readers().enter(tableReader);
        int result = mmu.fixWithoutLock(fault, root, vcpu);
        mmu.readers().exit(tableReader);
        return result;
    }

    /** Finds the page that backs the gfn: {@code kvm_mmu_faultin_pfn}. */
    private int lookUp(MemslotSet set) {
        fault.sequence = mmu.invalidations().sequence();
        vm.schedule().point(Schedule.Point.SEQUENCE_READ);
        if (fault.isPrivate != vm.isPrivate(fault.gfn)) {
            return memoryFault(Failure.EFAULT);
        }
        Memslot slot = fault.slot;
        if (slot == null) {
            return noSlot(set);
        }
        if (slot.isInvalid()) {
            return fault.prefetch && tellsInvalidSlot ? Failure.EAGAIN : FaultResult.RETRY;
        }
        if (mmu.invalidations().mustRetry(fault.sequence, fault.gfn)) {
            return FaultResult.RETRY;
        }
        int result = fault.isPrivate || slot.isGuestMemfdOnly() ? fromGuestMemfd(slot) : fromHost(slot);
        if (result == FaultResult.CONTINUE && mmu.invalidations().mustRetry(fault.sequence, fault.gfn)) {
            return FaultResult.RETRY;
        }
        return result;
    }

    private int noSlot(MemslotSet set) {
        if (fault.isPrivate) {
            return memoryFault(Failure.EFAULT);
        }
        fault.generation = set.generation();
        fault.mapWritable = false;
        rememberMmio(fault.gfn, fault.generation);
        if (!vm.options().mmioCaching() || fault.gfn > vm.maxGfn()) {
            return FaultResult.EMULATE;
        }
        return FaultResult.CONTINUE;
    }

    private int fromGuestMemfd(Memslot slot) {
        PrivateMemory memory = slot.privateMemory();
        long page = memory == null ? Failure.EFAULT : memory.page(slot.privateIndex() + fault.gfn - slot.baseGfn());
        if (!HostFault.isPage(page)) {
            return memoryFault((int) page);
        }
        fault.pfn = HostFault.pfn(page);
        int prepared = fault.isPrivate ? vm.prepare(fault.gfn, fault.pfn) : 0;
        if (prepared != 0) {
            return memoryFault(prepared);
        }
        fault.mapWritable = !slot.isReadOnly();
        fault.maxLevel = 1;
        return FaultResult.CONTINUE;
    }

    private int fromHost(Memslot slot) {
        if (fault.write && slot.isReadOnly()) {
            return FaultResult.EMULATE;
        }
        long page = vm.memory().faultIn(slot.hva(fault.gfn), fault.write);
        if (!HostFault.isPage(page)) {
            return hostFailed((int) page);
        }
        fault.pfn = HostFault.pfn(page);
        fault.mapWritable = HostFault.isWritable(page) && !slot.isReadOnly();
        fault.hostLevel = HostFault.level(page);
        return FaultResult.CONTINUE;
    }

    /** {@code kvm_handle_error_pfn}. */
    private int hostFailed(int errno) {
        if (errno == Failure.EINTR) {
            vcpu.prepareSignalExit();
            return Failure.EINTR;
        }
        if (errno == Failure.EHWPOISON) {
            vcpu.sendBusError();
            return FaultResult.RETRY;
        }
        return Failure.EFAULT;
    }

    private int memoryFault(int errno) {
        vcpu.prepareMemoryFaultExit(fault.gfn, fault.isPrivate);
        return errno;
    }

    // Accesses without memslot.

    /** Whether the last access to a page found no memslot, and there is still none. */
    boolean isRememberedMmio(long gfn) {
        return gfn == mmioGfn && mmioGeneration == generation();
    }

    /** Notes that a page had no memslot, unless memslots are just changing: {@code vcpu_cache_mmio_info}. */
    void rememberMmio(long gfn, long generation) {
        if ((generation & MemslotSet.UPDATE_IN_PROGRESS) != 0) {
            return;
        }
        mmioGfn = gfn;
        mmioGeneration = generation;
    }

    /** The generation of the current address space's memslots. */
    long generation() {
        return vm.slots().active(vcpu.addressSpace()).generation();
    }

    /** The memslot of a page in the current address space. In a section of the slots' readers. */
    @Nullable
    Memslot slot(long gfn) {
        return vm.slots().active(vcpu.addressSpace()).find(gfn);
    }
}
