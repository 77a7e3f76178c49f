package io.guestmem.soft.vm;

import io.guestmem.abi.GuestMemfdPopulateLayout;
import io.guestmem.soft.SoftKernelOptions.ProposalRules;
import io.guestmem.soft.mmu.Memslot;
import io.guestmem.soft.mmu.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * {@code KVM_GUEST_MEMFD_POPULATE}: puts content into private pages of a guest_memfd, from the memory of whoever calls, in any
 * process. Never merged.
 *
 * <p>Source: the RFC of 24 October 2024, patches 1 to 4. Where its documentation and its code contradict each other,
 * {@link ProposalRules} decides.
 */
final class GuestMemfdPopulate {
    private static final long PAGE = 4096;

    private final VirtualMachine vm;
    private final Caller caller;
    private final boolean documented;
    private final MemorySegment page = MemorySegment.ofArray(new long[(int) PAGE / Long.BYTES]);

    private GuestMemfdPopulate(VirtualMachine vm, Caller caller) {
        this.vm = vm;
        this.caller = caller;
        this.documented = vm.options().proposalRules() == ProposalRules.AS_DOCUMENTED;
    }

    static long run(VirtualMachine vm, Caller caller, MemorySegment struct) {
        return vm.withSlotsLock(() -> new GuestMemfdPopulate(vm, caller).run(struct));
    }

    private long run(MemorySegment struct) {
        long gpa = UserStruct.u64(struct, GuestMemfdPopulateLayout.GPA);
        long size = UserStruct.u64(struct, GuestMemfdPopulateLayout.SIZE);
        long from = UserStruct.u64(struct, GuestMemfdPopulateLayout.FROM);
        long flags = UserStruct.u64(struct, GuestMemfdPopulateLayout.FLAGS);
        boolean unaligned = ((gpa | size | from) & (PAGE - 1)) != 0;
        if (documented && (flags != 0 || unaligned || size == 0)) {
            return Failure.EINVAL;
        }
        long gfn = gpa >>> 12;
        long pages = size >>> 12;
        if (pages == 0) {
            return 0;
        }
        Memslot slot = vm.slots().active(0).find(gfn);
        if (slot == null || !(slot.privateMemory() instanceof GuestMemfd memfd)) {
            return Failure.EINVAL;
        }
        long count = Math.min(pages, slot.endGfn() - gfn);
        long done = 0;
        int error = 0;
        while (done < count && error == 0) {
            error = one(memfd, slot, gfn + done, from == 0 ? 0 : from + done * PAGE);
            done += error == 0 ? 1 : 0;
        }
        if (done == 0) {
            return error;
        }
        return documented ? 0 : done;
    }

    private int one(GuestMemfd memfd, Memslot slot, long gfn, long source) {
        if (caller.signals().pending()) {
            return Failure.EINTR;
        }
        if (!vm.isPrivate(gfn)) {
            return Failure.EINVAL;
        }
        if (source != 0 && !caller.read(source, page)) {
            return Failure.EINVAL;
        }
        return memfd.populate(slot.privateIndex() + gfn - slot.baseGfn(), pfn -> {
            if (source != 0) {
                MemorySegment.copy(page, 0, NativeMemory.segment(vm.frames().address(pfn), PAGE), 0, PAGE);
            }
            return 0;
        });
    }
}
