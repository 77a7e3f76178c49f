package io.guestmem.abi;

/**
 * The argument of {@code KVM_SET_USER_MEMORY_REGION2}: a memslot that may be bound to a guest_memfd.
 *
 * <pre>{@code
 * struct kvm_userspace_memory_region2 {
 *     __u32 slot;                //   0  in: low 16 bits the slot's id below 32764, high 16 bits the address space
 *     __u32 flags;               //   4  in: those of kvm_userspace_memory_region and GUEST_MEMFD
 *     __u64 guest_phys_addr;     //   8  in: gpa, multiple of 4096
 *     __u64 memory_size;         //  16  in: bytes, multiple of 4096; 0 deletes the slot
 *     __u64 userspace_addr;      //  24  in: hva, multiple of 4096; need not be mapped yet
 *     __u64 guest_memfd_offset;  //  32  in: bytes into the guest_memfd, multiple of 4096
 *     __u32 guest_memfd;         //  40  in: descriptor, read only with GUEST_MEMFD
 *     __u32 pad1;                //  44  not checked
 *     __u64 pad2[14];            //  48  not checked
 * };                             // 160
 * }</pre>
 *
 * <p>The first five fields are those of {@link UserspaceMemoryRegionLayout}, at the same offsets; the flags are there
 * too. Do not take the offset {@link #GUEST_MEMFD} for the flag {@link UserspaceMemoryRegionLayout#GUEST_MEMFD}. Source:
 * Linux 7.2 {@code include/uapi/linux/kvm.h}, {@code virt/kvm/kvm_main.c:kvm_set_memory_region}.
 */
public final class UserspaceMemoryRegion2Layout {
    /** {@code __u32 slot}. */
    public static final int SLOT = 0;
    /** {@code __u32 flags}. */
    public static final int FLAGS = 4;
    /** {@code __u64 guest_phys_addr}. */
    public static final int GUEST_PHYS_ADDR = 8;
    /** {@code __u64 memory_size}. */
    public static final int MEMORY_SIZE = 16;
    /** {@code __u64 userspace_addr}. */
    public static final int USERSPACE_ADDR = 24;
    /** {@code __u64 guest_memfd_offset}. */
    public static final int GUEST_MEMFD_OFFSET = 32;
    /** {@code __u32 guest_memfd}. */
    public static final int GUEST_MEMFD = 40;
    /** {@code __u32 pad1}. */
    public static final int PAD1 = 44;
    /** {@code __u64 pad2[14]}. */
    public static final int PAD2 = 48;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_userspace_memory_region2", 160)
            .u32("slot", SLOT)
            .u32("flags", FLAGS)
            .u64("guest_phys_addr", GUEST_PHYS_ADDR)
            .u64("memory_size", MEMORY_SIZE)
            .u64("userspace_addr", USERSPACE_ADDR)
            .u64("guest_memfd_offset", GUEST_MEMFD_OFFSET)
            .u32("guest_memfd", GUEST_MEMFD)
            .u32("pad1", PAD1)
            .array("pad2", PAD2, Long.BYTES, 14)
            .build();

    private UserspaceMemoryRegion2Layout() {}
}
