package io.guestmem.abi;

/**
 * The argument of {@code KVM_MAP_MEMORY} as first proposed, in pages. Never merged.
 *
 * <pre>{@code
 * struct kvm_memory_mapping {
 *     __u64 base_gfn;  //  0  in/out: first gfn of the range that is left
 *     __u64 nr_pages;  //  8  in/out: pages of 4096 bytes that are left, not 0 on entry
 *     __u64 flags;     // 16  in: WRITE, EXEC, USER, PRIVATE
 *     __u64 source;    // 24  in/out: 0, or hva of the content, multiple of 4096
 * };                   // 32
 * }</pre>
 *
 * <p>{@code source} advances only if it was not 0. Source: {@code KVM_MAP_MEMORY} v1, 1 March 2024.
 */
public final class MemoryMappingV1Layout {
    /** {@code __u64 base_gfn}. */
    public static final int BASE_GFN = 0;
    /** {@code __u64 nr_pages}. */
    public static final int NR_PAGES = 8;
    /** {@code __u64 flags}. */
    public static final int FLAGS = 16;
    /** {@code __u64 source}. */
    public static final int SOURCE = 24;

    /** The fault is a write. */
    public static final long WRITE = 1;
    /** The fault is an instruction fetch. */
    public static final long EXEC = 1L << 1;
    /** The fault is of user mode. */
    public static final long USER = 1L << 2;
    /** The fault is a private access; only VMs with private memory accept it. */
    public static final long PRIVATE = 1L << 3;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_memory_mapping", 32)
            .u64("base_gfn", BASE_GFN)
            .u64("nr_pages", NR_PAGES)
            .u64("flags", FLAGS)
            .u64("source", SOURCE)
            .build();

    private MemoryMappingV1Layout() {}
}
