package io.guestmem.soft.confidential;

import io.guestmem.abi.VmType;

/**
 * Bits of {@code SEV_FEATURES} in a VMSA that the host supports. Source: AMD APM volume 2, table B-4; Linux 7.2
 * {@code sev.c:sev_hardware_setup}.
 */
final class VmsaFeatures {
    /** {@code SVM_SEV_FEAT_SNP_ACTIVE}: KVM sets it, nobody asks for it. */
    static final long SNP_ACTIVE = 1;

    /** {@code SVM_SEV_FEAT_DEBUG_SWAP}. */
    static final long DEBUG_SWAP = 1 << 5;

    /** {@code SVM_SEV_FEAT_SECURE_TSC}, for SNP only. */
    static final long SECURE_TSC = 1 << 9;

    private VmsaFeatures() {}

    /** What {@code KVM_SEV_INIT2} accepts. */
    static long supported(VmType type) {
        return switch (type) {
            case SNP -> DEBUG_SWAP | SECURE_TSC;
            case SEV_ES -> DEBUG_SWAP;
            default -> 0;
        };
    }
}
