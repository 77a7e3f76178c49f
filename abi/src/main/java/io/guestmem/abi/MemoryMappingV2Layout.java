package io.guestmem.abi;

/**
 * The argument of {@code KVM_MAP_MEMORY} as proposed second, in bytes. Never merged.
 *
 * <pre>{@code
 * struct kvm_memory_mapping {
 *     __u64 base_address;  //  0  in/out: gpa of the range that is left, multiple of 4096
 *     __u64 size;          //  8  in/out: bytes that are left, multiple of 4096, not 0 on entry
 *     __u64 flags;         // 16  in: must be 0
 * };                       // 24
 * }</pre>
 *
 * <p>An error after progress is returned, and the struct shows the progress. Source: {@code KVM_MAP_MEMORY} v2, 10 April
 * 2024.
 */
public final class MemoryMappingV2Layout {
    /** {@code __u64 base_address}. */
    public static final int BASE_ADDRESS = 0;
    /** {@code __u64 size}. */
    public static final int SIZE = 8;
    /** {@code __u64 flags}. */
    public static final int FLAGS = 16;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_memory_mapping", 24)
            .u64("base_address", BASE_ADDRESS)
            .u64("size", SIZE)
            .u64("flags", FLAGS)
            .build();

    private MemoryMappingV2Layout() {}
}
