package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_SNP_LAUNCH_START}.
 *
 * <pre>{@code
 * struct kvm_sev_snp_launch_start {
 *     __u64 policy;    //  0  in: bit 17 must be set
 *     __u8 gosvw[16];  //  8  in: guest OS visible workarounds
 *     __u16 flags;     // 24  in: must be 0
 *     __u8 pad0[6];    // 26
 *     __u64 pad1[4];   // 32
 * };                   // 64
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SnpLaunchStartLayout {
    /** {@code __u64 policy}. */
    public static final int POLICY = 0;
    /** {@code __u8 gosvw[16]}. */
    public static final int GOSVW = 8;
    /** {@code __u16 flags}. */
    public static final int FLAGS = 24;
    /** {@code __u8 pad0[6]}. */
    public static final int PAD0 = 26;
    /** {@code __u64 pad1[4]}. */
    public static final int PAD1 = 32;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_snp_launch_start", 64)
            .u64("policy", POLICY)
            .array("gosvw", GOSVW, Byte.BYTES, 16)
            .u16("flags", FLAGS)
            .array("pad0", PAD0, Byte.BYTES, 6)
            .array("pad1", PAD1, Long.BYTES, 4)
            .build();

    private SnpLaunchStartLayout() {}
}
