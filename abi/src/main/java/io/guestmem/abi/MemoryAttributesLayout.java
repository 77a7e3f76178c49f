package io.guestmem.abi;

/**
 * The argument of {@code KVM_SET_MEMORY_ATTRIBUTES}, which makes a range of guest memory shared or private, all or
 * nothing.
 *
 * <pre>{@code
 * struct kvm_memory_attributes {
 *     __u64 address;     //  0  in: gpa, multiple of 4096
 *     __u64 size;        //  8  in: bytes, multiple of 4096, not 0
 *     __u64 attributes;  // 16  in: 0 or PRIVATE
 *     __u64 flags;       // 24  in: must be 0
 * };                     // 32
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}, {@code virt/kvm/kvm_main.c:kvm_vm_ioctl_set_mem_attributes}.
 */
public final class MemoryAttributesLayout {
    /** {@code __u64 address}. */
    public static final int ADDRESS = 0;
    /** {@code __u64 size}. */
    public static final int SIZE = 8;
    /** {@code __u64 attributes}. */
    public static final int ATTRIBUTES = 16;
    /** {@code __u64 flags}. */
    public static final int FLAGS = 24;

    /** {@code KVM_MEMORY_ATTRIBUTE_PRIVATE}: only VMs with private memory accept it. */
    public static final long PRIVATE = 1L << 3;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_memory_attributes", 32)
            .u64("address", ADDRESS)
            .u64("size", SIZE)
            .u64("attributes", ATTRIBUTES)
            .u64("flags", FLAGS)
            .build();

    private MemoryAttributesLayout() {}
}
