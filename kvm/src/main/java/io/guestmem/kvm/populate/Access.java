package io.guestmem.kvm.populate;

/** What the guest's first access to populated memory shall find. */
public enum Access {
    /**
     * A read finds the page mapped. A write may fault once more: KVM maps what it has not seen written read-only (Linux 7.2
     * {@code kvm_main.c:hva_to_pfn}, "opportunistic writable").
     */
    READ,
    /** A write finds the page mapped writable: the host's page is made writable ({@code MADV_POPULATE_WRITE}) before KVM maps it. */
    WRITE
}
