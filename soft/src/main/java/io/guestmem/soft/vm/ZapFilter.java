package io.guestmem.soft.vm;

import io.guestmem.abi.VmType;

/**
 * Which leaves a change is about, where shared and private ones have trees of their own: TDX. With one tree nobody tells them apart.
 * Source: Linux 7.2 {@code mmu.c:kvm_arch_pre_set_memory_attributes}, {@code tdp_mmu.c:kvm_tdp_mmu_zap_leafs}.
 */
enum ZapFilter {
    /** Those of shared memory: the process's memory changes, or pages become private. */
    SHARED,
    /** Those of private memory: pages become shared. */
    PRIVATE,
    /** All: a memslot goes, or pages of a guest_memfd. */
    ALL;

    /** Whether pages are meant that are private now. */
    boolean meansPrivate() {
        return this != SHARED;
    }

    /**
     * {@code mmu.zapLeaves} of what is meant. Under {@code mmu_lock} for writing.
     *
     * @return whether TLBs must be flushed
     */
    boolean zap(VirtualMachine vm, int addressSpace, long from, long to) {
        if (this == ALL || vm.type() != VmType.TDX) {
            return vm.mmu().zapLeaves(addressSpace, from, to);
        }
        boolean zapped = false;
        boolean isPrivate = this == PRIVATE;
        for (long at = from; at < to; ) {
            long end = vm.attributes().endOfUniform(at, to);
            if (vm.isPrivate(at) == isPrivate) {
                zapped |= vm.mmu().zapLeaves(addressSpace, at, end);
            }
            at = end;
        }
        return zapped;
    }
}
