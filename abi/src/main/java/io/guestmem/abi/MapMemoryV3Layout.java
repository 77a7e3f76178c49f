package io.guestmem.abi;

/**
 * The argument of {@code KVM_MAP_MEMORY} as proposed third. Never merged under this name.
 *
 * <pre>{@code
 * struct kvm_map_memory {
 *     __u64 base_address;  //  0  in/out: gpa of the range that is left, multiple of 4096
 *     __u64 size;          //  8  in/out: bytes that are left, multiple of 4096, not 0 on entry
 *     __u64 flags;         // 16  in: must be 0
 *     __u64 padding[5];    // 24
 * };                       // 64
 * }</pre>
 *
 * <p>Number and size, and so the request code, are those of {@code KVM_PRE_FAULT_MEMORY}: see
 * {@link PreFaultMemoryLayout}. Source: {@code KVM_MAP_MEMORY} v3, 17 April 2024.
 */
public final class MapMemoryV3Layout {
    /** {@code __u64 base_address}. */
    public static final int BASE_ADDRESS = 0;
    /** {@code __u64 size}. */
    public static final int SIZE = 8;
    /** {@code __u64 flags}. */
    public static final int FLAGS = 16;
    /** {@code __u64 padding[5]}. */
    public static final int PADDING = 24;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_map_memory", 64)
            .u64("base_address", BASE_ADDRESS)
            .u64("size", SIZE)
            .u64("flags", FLAGS)
            .array("padding", PADDING, Long.BYTES, 5)
            .build();

    private MapMemoryV3Layout() {}
}
