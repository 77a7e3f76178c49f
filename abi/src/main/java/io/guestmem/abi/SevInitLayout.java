package io.guestmem.abi;

/**
 * The data of {@code KVM_SEV_INIT2}.
 *
 * <pre>{@code
 * struct kvm_sev_init {
 *     __u64 vmsa_features;  //  0  in
 *     __u32 flags;          //  8  in: must be 0
 *     __u16 ghcb_version;   // 12  in: 0 for the default
 *     __u16 pad1;           // 14
 *     __u32 pad2[8];        // 16
 * };                        // 48
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SevInitLayout {
    /** {@code __u64 vmsa_features}. */
    public static final int VMSA_FEATURES = 0;
    /** {@code __u32 flags}. */
    public static final int FLAGS = 8;
    /** {@code __u16 ghcb_version}. */
    public static final int GHCB_VERSION = 12;
    /** {@code __u16 pad1}. */
    public static final int PAD1 = 14;
    /** {@code __u32 pad2[8]}. */
    public static final int PAD2 = 16;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sev_init", 48)
            .u64("vmsa_features", VMSA_FEATURES)
            .u32("flags", FLAGS)
            .u16("ghcb_version", GHCB_VERSION)
            .u16("pad1", PAD1)
            .array("pad2", PAD2, Integer.BYTES, 8)
            .build();

    private SevInitLayout() {}
}
