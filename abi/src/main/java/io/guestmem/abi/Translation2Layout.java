package io.guestmem.abi;

/**
 * The argument of {@code KVM_TRANSLATE2}: a walk for a given access, without side effects unless they are asked for.
 * Never merged.
 *
 * <pre>{@code
 * struct kvm_translation2 {
 *     __u64 linear_address;     //  0  in: gva
 *     __u16 flags;              //  8  in: SET_ACCESSED, SET_DIRTY, FORCE_SET_ACCESSED
 *     __u16 access;             // 10  in: WRITE, USER, EXEC
 *     __u8 padding[4];          // 12  not checked
 *     __u64 physical_address;   // 16  out: gpa, or of the table where the walk stopped
 *     __u8 valid;               // 24  out: 1 if the access is allowed
 *                               // 25  1 byte of alignment
 *     __u16 error_code;         // 26  out: why not, FAULT_*
 *     __u8 set_bits_succeeded;  // 28  out: 1 if bits were to be set and no read-only memslot was in the way
 *     __u8 padding2[4];         // 29
 *                               // 33  7 bytes of alignment
 * };                            // 40
 * }</pre>
 *
 * <p>Output fields that a walk does not write keep what the caller passed. Source: {@code KVM_TRANSLATE2} series, 10
 * September 2024, 20240910152207.38974-1.
 */
public final class Translation2Layout {
    /** {@code __u64 linear_address}. */
    public static final int LINEAR_ADDRESS = 0;
    /** {@code __u16 flags}. */
    public static final int FLAGS = 8;
    /** {@code __u16 access}. */
    public static final int ACCESS = 10;
    /** {@code __u8 padding[4]}. */
    public static final int PADDING = 12;
    /** {@code __u64 physical_address}. */
    public static final int PHYSICAL_ADDRESS = 16;
    /** {@code __u8 valid}. */
    public static final int VALID = 24;
    /** {@code __u16 error_code}. */
    public static final int ERROR_CODE = 26;
    /** {@code __u8 set_bits_succeeded}. */
    public static final int SET_BITS_SUCCEEDED = 28;
    /** {@code __u8 padding2[4]}. */
    public static final int PADDING2 = 29;

    /** Flag: set the Accessed bits of a successful walk. */
    public static final int SET_ACCESSED = 1;
    /** Flag: set the leaf's Dirty bit too; needs SET_ACCESSED and WRITE. */
    public static final int SET_DIRTY = 1 << 1;
    /** Flag: set the Accessed bits above the failing level too; needs SET_ACCESSED. */
    public static final int FORCE_SET_ACCESSED = 1 << 2;
    /** Access: a write. */
    public static final int WRITE = 1;
    /** Access: from user mode. */
    public static final int USER = 1 << 1;
    /** Access: an instruction fetch. */
    public static final int EXEC = 1 << 2;
    /** Error: an entry is not present. */
    public static final int FAULT_NOT_PRESENT = 1;
    /** Error: the access is not permitted. */
    public static final int FAULT_PRIVILEGE_VIOLATION = 2;
    /** Error: an entry has reserved bits set. */
    public static final int FAULT_RESERVED_BITS = 3;
    /** Error: the address is not canonical, or above 4 GiB outside 64-bit code. */
    public static final int FAULT_INVALID_GVA = 4;
    /** Error: a table lies in no memslot. */
    public static final int FAULT_INVALID_GPA = 5;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_translation2", 40)
            .u64("linear_address", LINEAR_ADDRESS)
            .u16("flags", FLAGS)
            .u16("access", ACCESS)
            .array("padding", PADDING, Byte.BYTES, 4)
            .u64("physical_address", PHYSICAL_ADDRESS)
            .u8("valid", VALID)
            .u16("error_code", ERROR_CODE)
            .u8("set_bits_succeeded", SET_BITS_SUCCEEDED)
            .array("padding2", PADDING2, Byte.BYTES, 4)
            .build();

    private Translation2Layout() {}
}
