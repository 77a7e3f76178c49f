package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_DIRTY_LOG}. The kernel fills {@code ceil(pages / 64) * 8} bytes of the bitmap.
 *
 * <pre>{@code
 * struct kvm_dirty_log {
 *     __u32 slot;          //  0  in: low 16 bits the slot's id, high 16 bits the address space
 *     __u32 padding1;      //  4  not checked
 *     __u64 dirty_bitmap;  //  8  in: pointer to little-endian u64 words, a bit for each page of the slot
 * };                       // 16
 * }</pre>
 *
 * <p>In C the last field is a union of the pointer and {@code __u64 padding2}. Source: Linux 7.2
 * {@code include/uapi/linux/kvm.h}.
 */
public final class DirtyLogLayout {
    /** {@code __u32 slot}. */
    public static final int SLOT = 0;
    /** {@code __u32 padding1}. */
    public static final int PADDING1 = 4;
    /** {@code __u64 dirty_bitmap}. */
    public static final int DIRTY_BITMAP = 8;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_dirty_log", 16)
            .u32("slot", SLOT)
            .u32("padding1", PADDING1)
            .u64("dirty_bitmap", DIRTY_BITMAP)
            .build();

    private DirtyLogLayout() {}
}
