package io.guestmem.abi;

/**
 * Describes one statistic of a statistics file. Rows are found by name, never by position.
 *
 * <pre>{@code
 * struct kvm_stats_desc {
 *     __u32 flags;        //  0  type, unit and base
 *     __s16 exponent;     //  4  the value times base^exponent is in the unit
 *     __u16 size;         //  6  u64 values
 *     __u32 offset;       //  8  bytes from data_offset
 *     __u32 bucket_size;  // 12  of a linear histogram
 *     char name[];        // 16  name_size bytes, NUL-terminated
 * };                      // 16
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public final class StatsDescriptorLayout {
    /** {@code __u32 flags}. */
    public static final int FLAGS = 0;
    /** {@code __s16 exponent}. */
    public static final int EXPONENT = 4;
    /** {@code __u16 size}. */
    public static final int SIZE = 6;
    /** {@code __u32 offset}. */
    public static final int OFFSET = 8;
    /** {@code __u32 bucket_size}. */
    public static final int BUCKET_SIZE = 12;
    /** {@code char name[]}. */
    public static final int NAME = 16;

    /** {@code KVM_STATS_TYPE_MASK}. */
    public static final int TYPE_MASK = 0xF;
    /** Type: only grows. */
    public static final int TYPE_CUMULATIVE = 0x0;
    /** Type: goes up and down. */
    public static final int TYPE_INSTANT = 0x1;
    /** Type: the highest value so far. */
    public static final int TYPE_PEAK = 0x2;
    /** Type: a histogram with buckets of {@code bucket_size}. */
    public static final int TYPE_LINEAR_HIST = 0x3;
    /** Type: a histogram with buckets that double. */
    public static final int TYPE_LOG_HIST = 0x4;
    /** {@code KVM_STATS_UNIT_MASK}. */
    public static final int UNIT_MASK = 0xF0;
    /** Unit: a count. */
    public static final int UNIT_NONE = 0x00;
    /** Unit: bytes. */
    public static final int UNIT_BYTES = 0x10;
    /** Unit: seconds. */
    public static final int UNIT_SECONDS = 0x20;
    /** Unit: clock cycles. */
    public static final int UNIT_CYCLES = 0x30;
    /** Unit: 0 or 1. */
    public static final int UNIT_BOOLEAN = 0x40;
    /** {@code KVM_STATS_BASE_MASK}. */
    public static final int BASE_MASK = 0xF00;
    /** Base: 10. */
    public static final int BASE_POW10 = 0x000;
    /** Base: 2. */
    public static final int BASE_POW2 = 0x100;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_stats_desc", 16)
            .u32("flags", FLAGS)
            .u16("exponent", EXPONENT)
            .u16("size", SIZE)
            .u32("offset", OFFSET)
            .u32("bucket_size", BUCKET_SIZE)
            .build();

    private StatsDescriptorLayout() {}
}
