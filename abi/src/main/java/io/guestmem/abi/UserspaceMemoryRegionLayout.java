package io.guestmem.abi;

/**
 * The argument of {@code KVM_SET_USER_MEMORY_REGION}, which creates, moves, changes or deletes a memslot.
 *
 * <pre>{@code
 * struct kvm_userspace_memory_region {
 *     __u32 slot;             //  0  in: low 16 bits the slot's id below 32764, high 16 bits the address space
 *     __u32 flags;            //  4  in
 *     __u64 guest_phys_addr;  //  8  in: gpa, multiple of 4096
 *     __u64 memory_size;      // 16  in: bytes, multiple of 4096; 0 deletes the slot
 *     __u64 userspace_addr;   // 24  in: hva, multiple of 4096; need not be mapped yet
 * };                          // 32
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}, {@code virt/kvm/kvm_main.c:kvm_set_memory_region}.
 */
public final class UserspaceMemoryRegionLayout {
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

    /** {@code KVM_MEM_LOG_DIRTY_PAGES}: a bitmap or ring of the pages that were written to. */
    public static final int LOG_DIRTY_PAGES = 1;
    /** {@code KVM_MEM_READONLY}: guest writes exit as MMIO. Refused by VMs of protected state and with GUEST_MEMFD. */
    public static final int READONLY = 1 << 1;
    /** {@code KVM_MEM_GUEST_MEMFD}, of {@link UserspaceMemoryRegion2Layout} only: private memory is a guest_memfd's. */
    public static final int GUEST_MEMFD = 1 << 2;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_userspace_memory_region", 32)
            .u32("slot", SLOT)
            .u32("flags", FLAGS)
            .u64("guest_phys_addr", GUEST_PHYS_ADDR)
            .u64("memory_size", MEMORY_SIZE)
            .u64("userspace_addr", USERSPACE_ADDR)
            .build();

    private UserspaceMemoryRegionLayout() {}
}
