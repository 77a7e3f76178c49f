package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_NESTED_STATE}: a header, and as much data behind it as {@code size} says.
 *
 * <pre>{@code
 * struct kvm_nested_state {
 *     __u16 flags;    // 0
 *     __u16 format;   // 2
 *     __u32 size;     // 4  in: bytes there are; out: bytes used, or needed with E2BIG
 *     __u8 hdr[120];  // 8
 *     __u8 data[];    // 128
 * };                  // 128
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}, {@code x86.c:kvm_arch_vcpu_ioctl}.
 */
public final class NestedStateLayout {
    /** {@code __u16 flags}. */
    public static final int FLAGS = 0;
    /** {@code __u16 format}. */
    public static final int FORMAT = 2;
    /** {@code __u32 size}. */
    public static final int SIZE = 4;
    /** {@code __u8 hdr[120]}. */
    public static final int HEADER = 8;

    /** {@code KVM_STATE_NESTED_GUEST_MODE}: the vCPU runs a guest of its guest. */
    public static final int GUEST_MODE = 1;

    /** Room for any state: the header and two pages of a VMCS, or one of a VMCB. */
    public static final int MOST_BYTES = 128 + 2 * 4096;

    /** The header. */
    public static final Struct STRUCT = Struct.of("kvm_nested_state", 128)
            .u16("flags", FLAGS)
            .u16("format", FORMAT)
            .u32("size", SIZE)
            .array("hdr", HEADER, 1, 120)
            .build();

    private NestedStateLayout() {}
}
