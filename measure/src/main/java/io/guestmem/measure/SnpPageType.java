package io.guestmem.measure;

/**
 * What a page is for the SNP firmware: {@code PAGE_TYPE} of {@code SNP_LAUNCH_UPDATE} (AMD SEV-SNP firmware ABI, 8.17.2), which is
 * also {@code type} of KVM's {@code struct kvm_sev_snp_launch_update}.
 */
public enum SnpPageType {
    /** Contents are measured. */
    NORMAL(1),
    /** Register state; contents are measured. KVM adds these itself. */
    VMSA(2),
    /** The firmware zeroes it. */
    ZERO(3),
    /** Contents are not measured. */
    UNMEASURED(4),
    /** The firmware puts secrets there; contents are not measured. */
    SECRETS(5),
    /** The firmware checks the CPUID values; contents are not measured. */
    CPUID(6);

    private final int code;

    SnpPageType(int code) {
        this.code = code;
    }

    /** The number of the firmware's and KVM's interface, 1 to 6. */
    public int code() {
        return code;
    }

    /** Whether the contents go into the digest; otherwise 48 zero bytes stand for them. */
    public boolean measuresContents() {
        return this == NORMAL || this == VMSA;
    }
}
