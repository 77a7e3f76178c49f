package io.guestmem.measure.launch;

/** Bits of SEV_FEATURES in a VMSA (AMD APM volume 2, table B-4, offset 0x3b0). They are measured. */
public enum GuestFeature {
    /** SNP is on. */
    SNP_ACTIVE(0),
    /** A boundary between private and shared memory. */
    VTOM(1),
    /** #VC goes to another VMPL. */
    REFLECT_VC(2),
    /** Only #HV is injected. */
    RESTRICTED_INJECTION(3),
    /** Injection from another VMPL. */
    ALTERNATE_INJECTION(4),
    /** Debug registers are swapped: Linux 6.6 to 6.8 forced it on. */
    DEBUG_SWAP(5),
    /** No instruction-based sampling by the host. */
    PREVENT_HOST_IBS(6),
    /** Branch predictions are isolated. */
    BTB_ISOLATION(7),
    /** Supervisor shadow stacks for each VMPL. */
    VMPL_SSS(8),
    /** The guest's own time-stamp counter. */
    SECURE_TSC(9),
    /** A parameter with VMGEXIT. */
    VMGEXIT_PARAMETER(10),
    /** Virtual instruction-based sampling. */
    IBS_VIRTUALIZATION(12),
    /** Some registers are hidden. */
    VMSA_REG_PROTECTION(14),
    /** The sibling thread stays idle. */
    SMT_PROTECTION(15);

    private final int bit;

    GuestFeature(int bit) {
        this.bit = bit;
    }

    /** The bit. */
    public long mask() {
        return 1L << bit;
    }
}
