package io.guestmem.abi;

/**
 * The argument of {@code KVM_CREATE_GUEST_MEMFD}, which returns the descriptor of a new guest_memfd, without
 * {@code O_CLOEXEC}.
 *
 * <pre>{@code
 * struct kvm_create_guest_memfd {
 *     __u64 size;         //  0  in: bytes, multiple of 4096, positive as a signed number
 *     __u64 flags;        //  8  in
 *     __u64 reserved[6];  // 16  not checked
 * };                      // 64
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}, {@code virt/kvm/guest_memfd.c:kvm_gmem_create}.
 */
public final class CreateGuestMemfdLayout {
    /** {@code __u64 size}. */
    public static final int SIZE = 0;
    /** {@code __u64 flags}. */
    public static final int FLAGS = 8;
    /** {@code __u64 reserved[6]}. */
    public static final int RESERVED = 16;

    /** {@code GUEST_MEMFD_FLAG_MMAP}: the host may map the file, shared; slots bound to it are served from it alone. */
    public static final long MMAP = 1;
    /** {@code GUEST_MEMFD_FLAG_INIT_SHARED}: the host may touch the pages. Refused by VMs with private memory. */
    public static final long INIT_SHARED = 1L << 1;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_create_guest_memfd", 64)
            .u64("size", SIZE)
            .u64("flags", FLAGS)
            .array("reserved", RESERVED, Long.BYTES, 6)
            .build();

    private CreateGuestMemfdLayout() {}
}
