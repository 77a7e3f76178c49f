package io.guestmem.abi;

/**
 * A segment register with its hidden part, inside {@code kvm_sregs} and {@code kvm_sregs2}.
 *
 * <pre>{@code
 * struct kvm_segment {
 *     __u64 base;      //  0
 *     __u32 limit;     //  8  bytes - 1, the granularity already applied
 *     __u16 selector;  // 12
 *     __u8 type;       // 14  4 bits
 *     __u8 present;    // 15  this and those below are 0 or 1, except dpl
 *     __u8 dpl;        // 16  0 to 3
 *     __u8 db;         // 17
 *     __u8 s;          // 18
 *     __u8 l;          // 19
 *     __u8 g;          // 20
 *     __u8 avl;        // 21
 *     __u8 unusable;   // 22
 *     __u8 padding;    // 23
 * };                   // 24
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SegmentLayout {
    /** {@code __u64 base}. */
    public static final int BASE = 0;
    /** {@code __u32 limit}. */
    public static final int LIMIT = 8;
    /** {@code __u16 selector}. */
    public static final int SELECTOR = 12;
    /** {@code __u8 type}. */
    public static final int TYPE = 14;
    /** {@code __u8 present}. */
    public static final int PRESENT = 15;
    /** {@code __u8 dpl}. */
    public static final int DPL = 16;
    /** {@code __u8 db}. */
    public static final int DB = 17;
    /** {@code __u8 s}. */
    public static final int S = 18;
    /** {@code __u8 l}. */
    public static final int L = 19;
    /** {@code __u8 g}. */
    public static final int G = 20;
    /** {@code __u8 avl}. */
    public static final int AVL = 21;
    /** {@code __u8 unusable}. */
    public static final int UNUSABLE = 22;
    /** {@code __u8 padding}. */
    public static final int PADDING = 23;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_segment", 24)
            .u64("base", BASE)
            .u32("limit", LIMIT)
            .u16("selector", SELECTOR)
            .u8("type", TYPE)
            .u8("present", PRESENT)
            .u8("dpl", DPL)
            .u8("db", DB)
            .u8("s", S)
            .u8("l", L)
            .u8("g", G)
            .u8("avl", AVL)
            .u8("unusable", UNUSABLE)
            .u8("padding", PADDING)
            .build();

    private SegmentLayout() {}
}
