package io.guestmem.abi;

/**
 * The data of {@code KVM_TDX_INIT_VM}: what the TD is like. CPUID entries follow.
 *
 * <pre>{@code
 * struct kvm_tdx_init_vm {
 *     __u64 attributes;         //   0  in
 *     __u64 xfam;               //   8  in: extended features, as XCR0 and IA32_XSS number them
 *     __u64 mrconfigid[6];      //  16  in: goes into reports, as do the two below
 *     __u64 mrowner[6];         //  64  in
 *     __u64 mrownerconfig[6];   // 112  in
 *     __u64 reserved[12];       // 160  in: must be 0
 *     struct kvm_cpuid2 cpuid;  // 256  in: 8 bytes, then the entries, at most 256
 * };                            // 264
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}, {@code arch/x86/kvm/vmx/tdx.c:tdx_td_init}.
 */
public final class TdxInitVmLayout {
    /** {@code __u64 attributes}. */
    public static final int ATTRIBUTES = 0;
    /** {@code __u64 xfam}. */
    public static final int XFAM = 8;
    /** {@code __u64 mrconfigid[6]}. */
    public static final int MRCONFIGID = 16;
    /** {@code __u64 mrowner[6]}. */
    public static final int MROWNER = 64;
    /** {@code __u64 mrownerconfig[6]}. */
    public static final int MROWNERCONFIG = 112;
    /** {@code __u64 reserved[12]}. */
    public static final int RESERVED = 160;
    /** {@code struct kvm_cpuid2 cpuid}, as {@link CpuidLayout}. */
    public static final int CPUID = 256;

    /** The whole struct, without entries. */
    public static final Struct STRUCT = Struct.of("kvm_tdx_init_vm", 264)
            .u64("attributes", ATTRIBUTES)
            .u64("xfam", XFAM)
            .array("mrconfigid", MRCONFIGID, Long.BYTES, 6)
            .array("mrowner", MROWNER, Long.BYTES, 6)
            .array("mrownerconfig", MROWNERCONFIG, Long.BYTES, 6)
            .array("reserved", RESERVED, Long.BYTES, 12)
            .array("cpuid", CPUID, CpuidLayout.STRUCT.size(), 1)
            .build();

    private TdxInitVmLayout() {}
}
