package io.guestmem.abi;

/**
 * The argument of {@code KVM_CLEAR_DIRTY_LOG}.
 *
 * <pre>{@code
 * struct kvm_clear_dirty_log {
 *     __u32 slot;          //  0  in: low 16 bits the slot's id, high 16 bits the address space
 *     __u32 num_pages;     //  4  in: multiple of 64, or up to the slot's end
 *     __u64 first_page;    //  8  in: page of the slot, multiple of 64
 *     __u64 dirty_bitmap;  // 16  in: pointer to little-endian u64 words; the pages of set bits are made clean
 * };                       // 24
 * }</pre>
 *
 * <p>In C the last field is a union of the pointer and {@code __u64 padding2}. Source: Linux 7.2
 * {@code include/uapi/linux/kvm.h}.
 */
public final class ClearDirtyLogLayout {
    /** {@code __u32 slot}. */
    public static final int SLOT = 0;
    /** {@code __u32 num_pages}. */
    public static final int NUM_PAGES = 4;
    /** {@code __u64 first_page}. */
    public static final int FIRST_PAGE = 8;
    /** {@code __u64 dirty_bitmap}. */
    public static final int DIRTY_BITMAP = 16;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_clear_dirty_log", 24)
            .u32("slot", SLOT)
            .u32("num_pages", NUM_PAGES)
            .u64("first_page", FIRST_PAGE)
            .u64("dirty_bitmap", DIRTY_BITMAP)
            .build();

    private ClearDirtyLogLayout() {}
}
