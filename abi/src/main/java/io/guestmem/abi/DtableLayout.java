package io.guestmem.abi;

/**
 * A descriptor table register (GDTR, IDTR), inside {@code kvm_sregs} and {@code kvm_sregs2}.
 *
 * <pre>{@code
 * struct kvm_dtable {
 *     __u64 base;        //  0
 *     __u16 limit;       //  8  bytes - 1
 *     __u16 padding[3];  // 10
 * };                     // 16
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class DtableLayout {
    /** {@code __u64 base}. */
    public static final int BASE = 0;
    /** {@code __u16 limit}. */
    public static final int LIMIT = 8;
    /** {@code __u16 padding[3]}. */
    public static final int PADDING = 10;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_dtable", 16)
            .u64("base", BASE)
            .u16("limit", LIMIT)
            .array("padding", PADDING, Short.BYTES, 3)
            .build();

    private DtableLayout() {}
}
