package io.guestmem.kvm.populate;

/** What a step that was done could not do on this kernel. */
public enum Shortfall {
    /**
     * The memory is in the host's page table, but KVM's own tables do not have it: {@code KVM_PRE_FAULT_MEMORY} is answered with
     * EOPNOTSUPP (shadow paging, a nested guest, or a confidential VM before its launch is finished) or not known (before Linux
     * 6.11), or there is no vCPU to ask with. The guest's first touch of each page is still one fault in KVM, but a short one.
     */
    NOT_IN_STAGE_TWO,
    /** The memory cannot give pages of the wanted size: the advice was refused, or pages of 1 GiB of other memory than hugetlbfs. */
    PAGE_SIZE_NOT_GIVEN
}
