package io.guestmem.abi;

/**
 * The argument of {@code KVM_ENABLE_CAP}. See {@link Capability}.
 *
 * <pre>{@code
 * struct kvm_enable_cap {
 *     __u32 cap;      //   0  in: number of the capability
 *     __u32 flags;    //   4  in: must be 0
 *     __u64 args[4];  //   8  in: by capability
 *     __u8 pad[64];   //  40  not checked
 * };                  // 104
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class EnableCapLayout {
    /** {@code __u32 cap}. */
    public static final int CAP = 0;
    /** {@code __u32 flags}. */
    public static final int FLAGS = 4;
    /** {@code __u64 args[4]}. */
    public static final int ARGS = 8;
    /** {@code __u8 pad[64]}. */
    public static final int PAD = 40;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_enable_cap", 104)
            .u32("cap", CAP)
            .u32("flags", FLAGS)
            .array("args", ARGS, Long.BYTES, 4)
            .array("pad", PAD, Byte.BYTES, 64)
            .build();

    private EnableCapLayout() {}
}
