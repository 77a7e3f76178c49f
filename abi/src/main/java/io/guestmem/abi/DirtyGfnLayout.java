package io.guestmem.abi;

/**
 * An entry of a vCPU's dirty ring, which is mapped from the vCPU's file at page {@link #RING_PAGE_OFFSET}.
 *
 * <pre>{@code
 * struct kvm_dirty_gfn {
 *     __u32 flags;   //  0  DIRTY by the kernel, RESET by the reader; 0 while the entry is free
 *     __u32 slot;    //  4  low 16 bits the slot's id, high 16 bits the address space
 *     __u64 offset;  //  8  page of the slot
 * };                 // 16
 * }</pre>
 *
 * <p>The writer of {@code flags} hands the entry over: read it with acquire, write it with release. Source: Linux 7.2
 * {@code include/uapi/linux/kvm.h}.
 */
public final class DirtyGfnLayout {
    /** {@code __u32 flags}. */
    public static final int FLAGS = 0;
    /** {@code __u32 slot}. */
    public static final int SLOT = 4;
    /** {@code __u64 offset}. */
    public static final int OFFSET = 8;

    /** {@code KVM_DIRTY_GFN_F_DIRTY}: the entry names a page that was written to. */
    public static final int DIRTY = 1;
    /** {@code KVM_DIRTY_GFN_F_RESET}: the reader is done; {@code KVM_RESET_DIRTY_RINGS} may protect the page again. */
    public static final int RESET = 1 << 1;
    /** {@code KVM_DIRTY_LOG_PAGE_OFFSET}: where the ring starts in the vCPU's file, in pages of 4096 bytes. */
    public static final int RING_PAGE_OFFSET = 64;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_dirty_gfn", 16)
            .u32("flags", FLAGS)
            .u32("slot", SLOT)
            .u64("offset", OFFSET)
            .build();

    private DirtyGfnLayout() {}
}
