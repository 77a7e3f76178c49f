package io.guestmem.soft.mmu;

/**
 * What a root is for: vCPUs with the same role share one. Source: Linux 7.2 {@code mmu.c:kvm_calc_tdp_mmu_root_page_role}.
 *
 * @param level of the root's entries: 4 or 5
 * @param smm whether it maps the second address space
 * @param guestMode whether a nested guest runs on it, without stage-2 tables of its own
 * @param accessedDirty whether the processor sets A and D
 */
public record MmuRole(int level, boolean smm, boolean guestMode, boolean accessedDirty) {
    /** The address space whose memslots it maps. */
    public int addressSpace() {
        return smm ? 1 : 0;
    }
}
