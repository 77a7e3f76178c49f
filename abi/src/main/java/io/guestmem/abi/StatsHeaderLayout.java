package io.guestmem.abi;

/**
 * The start of a statistics file, which {@code KVM_GET_STATS_FD} returns and {@code pread(2)} reads.
 *
 * <pre>{@code
 * struct kvm_stats_header {
 *     __u32 flags;        //  0  0
 *     __u32 name_size;    //  4  bytes of each name, its NUL included
 *     __u32 num_desc;     //  8  descriptors
 *     __u32 id_offset;    // 12  bytes into the file: the name of the VM or vCPU
 *     __u32 desc_offset;  // 16  bytes into the file: descriptors, each 16 + name_size bytes
 *     __u32 data_offset;  // 20  bytes into the file: values
 * };                      // 24
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class StatsHeaderLayout {
    /** {@code __u32 flags}. */
    public static final int FLAGS = 0;
    /** {@code __u32 name_size}. */
    public static final int NAME_SIZE = 4;
    /** {@code __u32 num_desc}. */
    public static final int NUM_DESC = 8;
    /** {@code __u32 id_offset}. */
    public static final int ID_OFFSET = 12;
    /** {@code __u32 desc_offset}. */
    public static final int DESC_OFFSET = 16;
    /** {@code __u32 data_offset}. */
    public static final int DATA_OFFSET = 20;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_stats_header", 24)
            .u32("flags", FLAGS)
            .u32("name_size", NAME_SIZE)
            .u32("num_desc", NUM_DESC)
            .u32("id_offset", ID_OFFSET)
            .u32("desc_offset", DESC_OFFSET)
            .u32("data_offset", DATA_OFFSET)
            .build();

    private StatsHeaderLayout() {}
}
