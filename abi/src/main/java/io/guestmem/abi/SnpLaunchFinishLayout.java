package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_SNP_LAUNCH_FINISH}: after it the guest may run, and memory may be pre-faulted.
 *
 * <pre>{@code
 * struct kvm_sev_snp_launch_finish {
 *     __u64 id_block_uaddr;  //  0  in: pointer, with id_block_en
 *     __u64 id_auth_uaddr;   //  8  in: pointer, with id_block_en
 *     __u8 id_block_en;      // 16  in: 0 or 1
 *     __u8 auth_key_en;      // 17  in: 0 or 1
 *     __u8 vcek_disabled;    // 18  in: 0 or 1
 *     __u8 host_data[32];    // 19  in: goes into the attestation report
 *     __u8 pad0[3];          // 51
 *     __u16 flags;           // 54  in: must be 0
 *     __u64 pad1[4];         // 56
 * };                         // 88
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SnpLaunchFinishLayout {
    /** {@code __u64 id_block_uaddr}. */
    public static final int ID_BLOCK_UADDR = 0;
    /** {@code __u64 id_auth_uaddr}. */
    public static final int ID_AUTH_UADDR = 8;
    /** {@code __u8 id_block_en}. */
    public static final int ID_BLOCK_EN = 16;
    /** {@code __u8 auth_key_en}. */
    public static final int AUTH_KEY_EN = 17;
    /** {@code __u8 vcek_disabled}. */
    public static final int VCEK_DISABLED = 18;
    /** {@code __u8 host_data[32]}. */
    public static final int HOST_DATA = 19;
    /** {@code __u8 pad0[3]}. */
    public static final int PAD0 = 51;
    /** {@code __u16 flags}. */
    public static final int FLAGS = 54;
    /** {@code __u64 pad1[4]}. */
    public static final int PAD1 = 56;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_snp_launch_finish", 88)
            .u64("id_block_uaddr", ID_BLOCK_UADDR)
            .u64("id_auth_uaddr", ID_AUTH_UADDR)
            .u8("id_block_en", ID_BLOCK_EN)
            .u8("auth_key_en", AUTH_KEY_EN)
            .u8("vcek_disabled", VCEK_DISABLED)
            .array("host_data", HOST_DATA, Byte.BYTES, 32)
            .array("pad0", PAD0, Byte.BYTES, 3)
            .u16("flags", FLAGS)
            .array("pad1", PAD1, Long.BYTES, 4)
            .build();

    private SnpLaunchFinishLayout() {}
}
