package io.guestmem.abi;

/**
 * The data of {@code KVM_TDX_CAPABILITIES}: what TDs can be made of. A {@code kvm_cpuid2} follows in its place, whose {@code nent}
 * says on entry how many entries fit.
 *
 * <pre>{@code
 * struct kvm_tdx_capabilities {
 *     __u64 supported_attrs;             //    0  out
 *     __u64 supported_xfam;              //    8  out
 *     __u64 kernel_tdvmcallinfo_1_r11;   //   16  out
 *     __u64 user_tdvmcallinfo_1_r11;     //   24  out
 *     __u64 kernel_tdvmcallinfo_1_r12;   //   32  out
 *     __u64 user_tdvmcallinfo_1_r12;     //   40  out
 *     __u64 reserved[250];               //   48  out: 0
 *     struct kvm_cpuid2 cpuid;           // 2048  in and out: 8 bytes, then the entries
 * };                                     // 2056
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class TdxCapabilitiesLayout {
    /** {@code __u64 supported_attrs}. */
    public static final int SUPPORTED_ATTRS = 0;
    /** {@code __u64 supported_xfam}. */
    public static final int SUPPORTED_XFAM = 8;
    /** {@code __u64 kernel_tdvmcallinfo_1_r11}. */
    public static final int KERNEL_TDVMCALLINFO_1_R11 = 16;
    /** {@code __u64 user_tdvmcallinfo_1_r11}. */
    public static final int USER_TDVMCALLINFO_1_R11 = 24;
    /** {@code __u64 kernel_tdvmcallinfo_1_r12}. */
    public static final int KERNEL_TDVMCALLINFO_1_R12 = 32;
    /** {@code __u64 user_tdvmcallinfo_1_r12}. */
    public static final int USER_TDVMCALLINFO_1_R12 = 40;
    /** {@code __u64 reserved[250]}. */
    public static final int RESERVED = 48;
    /** {@code struct kvm_cpuid2 cpuid}, as {@link CpuidLayout}. */
    public static final int CPUID = 2048;

    /** The whole struct, without entries. */
    public static final Struct STRUCT = Struct.of("kvm_tdx_capabilities", 2056)
            .u64("supported_attrs", SUPPORTED_ATTRS)
            .u64("supported_xfam", SUPPORTED_XFAM)
            .u64("kernel_tdvmcallinfo_1_r11", KERNEL_TDVMCALLINFO_1_R11)
            .u64("user_tdvmcallinfo_1_r11", USER_TDVMCALLINFO_1_R11)
            .u64("kernel_tdvmcallinfo_1_r12", KERNEL_TDVMCALLINFO_1_R12)
            .u64("user_tdvmcallinfo_1_r12", USER_TDVMCALLINFO_1_R12)
            .array("reserved", RESERVED, Long.BYTES, 250)
            .array("cpuid", CPUID, CpuidLayout.STRUCT.size(), 1)
            .build();

    private TdxCapabilitiesLayout() {}
}
