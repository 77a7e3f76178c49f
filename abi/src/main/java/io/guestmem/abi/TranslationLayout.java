package io.guestmem.abi;

/**
 * The argument of {@code KVM_TRANSLATE}: a supervisor data read of one address in the vCPU's current paging mode.
 *
 * <pre>{@code
 * struct kvm_translation {
 *     __u64 linear_address;    //  0  in: gva
 *     __u64 physical_address;  //  8  out: gpa, or 2^64 - 1
 *     __u8 valid;              // 16  out: 1 if the address is mapped
 *     __u8 writeable;          // 17  out: always 1
 *     __u8 usermode;           // 18  out: always 0
 *     __u8 pad[5];             // 19  not written
 * };                           // 24
 * }</pre>
 *
 * <p>A successful walk sets Accessed bits in guest memory. Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class TranslationLayout {
    /** {@code __u64 linear_address}. */
    public static final int LINEAR_ADDRESS = 0;
    /** {@code __u64 physical_address}. */
    public static final int PHYSICAL_ADDRESS = 8;
    /** {@code __u8 valid}. */
    public static final int VALID = 16;
    /** {@code __u8 writeable}. */
    public static final int WRITEABLE = 17;
    /** {@code __u8 usermode}. */
    public static final int USERMODE = 18;
    /** {@code __u8 pad[5]}. */
    public static final int PAD = 19;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_translation", 24)
            .u64("linear_address", LINEAR_ADDRESS)
            .u64("physical_address", PHYSICAL_ADDRESS)
            .u8("valid", VALID)
            .u8("writeable", WRITEABLE)
            .u8("usermode", USERMODE)
            .array("pad", PAD, Byte.BYTES, 5)
            .build();

    private TranslationLayout() {}
}
