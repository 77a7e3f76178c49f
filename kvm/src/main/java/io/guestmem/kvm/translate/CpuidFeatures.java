package io.guestmem.kvm.translate;

import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Cpuid.Entry;
import io.guestmem.paging.PagingFeatures;
import java.util.Optional;

/**
 * What a vCPU's CPUID says about paging.
 *
 * @param paging as KVM works it out. Source: Linux 7.2 {@code cpuid.c:cpuid_query_maxphyaddr}. With two-dimensional paging KVM
 *     goes by the host's processor in the matter of 1 GiB pages, whatever the guest's CPUID says
 * @param pkruOffset of PKRU in {@code struct kvm_xsave}, in bytes; 0 if there is none
 */
record CpuidFeatures(PagingFeatures paging, int pkruOffset) {
    private static final int VENDOR = 0;
    private static final int EXTENDED_STATE = 0xD;
    private static final int PKRU_INDEX = 9;
    private static final int EXTENDED_FEATURES = 0x8000_0001;
    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int EDX_GIGABYTE_PAGES = 1 << 26;
    private static final int BITS_WITHOUT_LEAF = 36;
    /** {@code Auth} and {@code Hygo}, the first of the three parts of the vendor's name. */
    private static final int EBX_AMD = 0x6874_7541;

    private static final int EBX_HYGON = 0x6F67_7948;

    static CpuidFeatures of(Cpuid cpuid) {
        int bits = cpuid.leaf(ADDRESS_SIZES).map(leaf -> leaf.eax() & 0xFF).orElse(BITS_WITHOUT_LEAF);
        int vendor = cpuid.leaf(VENDOR).map(Entry::ebx).orElse(0);
        boolean gigabytePages = cpuid.leaf(EXTENDED_FEATURES)
                .map(leaf -> (leaf.edx() & EDX_GIGABYTE_PAGES) != 0)
                .orElse(false);
        Optional<Entry> pkru = cpuid.entries().stream()
                .filter(entry -> entry.function() == EXTENDED_STATE && entry.index() == PKRU_INDEX)
                .findFirst();
        return new CpuidFeatures(
                new PagingFeatures(
                        bits, vendor == EBX_AMD || vendor == EBX_HYGON, gigabytePages, PagingFeatures.KVM_PSE36_BITS),
                pkru.map(Entry::ebx).orElse(0));
    }
}
