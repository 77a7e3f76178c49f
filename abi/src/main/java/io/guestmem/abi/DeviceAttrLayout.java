package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_DEVICE_ATTR} and {@code KVM_HAS_DEVICE_ATTR}, here of the system: what a processor's vendor has
 * beside capabilities.
 *
 * <pre>{@code
 * struct kvm_device_attr {
 *     __u32 flags;  //  0  in: not looked at
 *     __u32 group;  //  4  in
 *     __u64 attr;   //  8  in: by group
 *     __u64 addr;   // 16  in: where the value goes, 8 bytes
 * };                // 24
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}, {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class DeviceAttrLayout {
    /** {@code __u32 flags}. */
    public static final int FLAGS = 0;
    /** {@code __u32 group}. */
    public static final int GROUP = 4;
    /** {@code __u64 attr}. */
    public static final int ATTR = 8;
    /** {@code __u64 addr}. */
    public static final int ADDR = 16;

    /** {@code KVM_X86_GRP_SYSTEM}. */
    public static final int GROUP_SYSTEM = 0;
    /** {@code KVM_X86_XCOMP_GUEST_SUPP} of the system: the bits of XCR0 that guests can have. */
    public static final int XCOMP_GUEST_SUPP = 0;
    /** {@code KVM_X86_GRP_SEV}. */
    public static final int GROUP_SEV = 1;
    /** {@code KVM_X86_SEV_VMSA_FEATURES} of SEV: the bits of SEV_FEATURES that {@code KVM_SEV_INIT2} takes. */
    public static final int SEV_VMSA_FEATURES = 0;
    /** {@code KVM_X86_SNP_POLICY_BITS} of SEV: the bits of a policy that {@code KVM_SEV_SNP_LAUNCH_START} takes; since Linux 6.19. */
    public static final int SNP_POLICY_BITS = 1;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_device_attr", 24)
            .u32("flags", FLAGS)
            .u32("group", GROUP)
            .u64("attr", ATTR)
            .u64("addr", ADDR)
            .build();

    private DeviceAttrLayout() {}
}
