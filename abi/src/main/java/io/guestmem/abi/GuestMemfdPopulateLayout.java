package io.guestmem.abi;

/**
 * The argument of {@code KVM_GUEST_MEMFD_POPULATE}, which copies content into private pages of a guest_memfd. Never
 * merged.
 *
 * <pre>{@code
 * struct kvm_guest_memfd_populate {
 *     __u64 gpa;    //  0  in: start, rounded down to a multiple of 4096
 *     __u64 size;   //  8  in: bytes, rounded down to a multiple of 4096
 *     __u64 from;   // 16  in: pointer to the content, or 0 for zeros
 *     __u64 flags;  // 24  not checked
 * };                // 32
 * }</pre>
 *
 * <p>The struct is not written back: the result is the number of pages, fewer than asked for after an error with
 * progress. Source: {@code KVM_GUEST_MEMFD_POPULATE} RFC, 24 October 2024, 20241024095429.54052-1.
 */
public final class GuestMemfdPopulateLayout {
    /** {@code __u64 gpa}. */
    public static final int GPA = 0;
    /** {@code __u64 size}. */
    public static final int SIZE = 8;
    /** {@code __u64 from}. */
    public static final int FROM = 16;
    /** {@code __u64 flags}. */
    public static final int FLAGS = 24;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_guest_memfd_populate", 32)
            .u64("gpa", GPA)
            .u64("size", SIZE)
            .u64("from", FROM)
            .u64("flags", FLAGS)
            .build();

    private GuestMemfdPopulateLayout() {}
}
