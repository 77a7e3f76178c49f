package io.guestmem.diff;

import io.guestmem.abi.VmType;

/**
 * What is compared: what both kernels can show. Sequences keep to it.
 *
 * @param tdp whether both have stage-2 tables of their own: pre-faults and the statistics of pages
 * @param guestMemfd whether both have guest_memfds
 * @param guestMemfdFlags of {@code KVM_CREATE_GUEST_MEMFD} that both know
 * @param vmTypes that both can make: the mask of {@code KVM_CAP_VM_TYPES}
 * @param physicalBits the width of guest-physical addresses
 * @param staleRootsHang whether one of them is Linux 6.12, where a pre-fault on a vCPU whose root was invalidated by a change of
 *     memslots retries for ever: the vCPU gets a new root before each pre-fault then
 */
public record Scope(
        boolean tdp, boolean guestMemfd, long guestMemfdFlags, long vmTypes, int physicalBits, boolean staleRootsHang) {
    /** Whether VMs can have private memory. */
    public boolean privateMemory() {
        return (vmTypes & (1 << VmType.SW_PROTECTED.value())) != 0;
    }

    /** What is compared, in words. */
    @Override
    public String toString() {
        return (tdp
                        ? "everything of TDP kernels: pre-faults and pages_* too"
                        : "what does not depend on TDP: no pre-faults, no pages_* and pf_*")
                + "; guest_memfd " + (guestMemfd ? "yes, flags " + guestMemfdFlags : "no")
                + "; VM types " + vmTypes + "; " + physicalBits + " physical address bits";
    }
}
