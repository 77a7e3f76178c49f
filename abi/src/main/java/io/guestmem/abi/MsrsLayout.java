package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_MSRS} and {@code KVM_SET_MSRS}: a header and as many entries as it says.
 *
 * <pre>{@code
 * struct kvm_msrs {
 *     __u32 nmsrs;                     // 0  in: entries
 *     __u32 pad;                       // 4
 *     struct kvm_msr_entry entries[];  // 8  16 bytes each
 * };                                   // 8
 *
 * struct kvm_msr_entry {
 *     __u32 index;     //  0  in: number of the MSR
 *     __u32 reserved;  //  4
 *     __u64 data;      //  8  in or out
 * };                   // 16
 * }</pre>
 *
 * <p>The result is the number of entries that were processed: the one after them is at fault. Offsets of an entry count
 * from the entry. Source: Linux 7.2 {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class MsrsLayout {
    /** {@code __u32 nmsrs}. */
    public static final int NMSRS = 0;
    /** {@code __u32 pad}. */
    public static final int PAD = 4;
    /** {@code struct kvm_msr_entry entries[]}. */
    public static final int ENTRIES = 8;

    /** {@code __u32 index}. */
    public static final int ENTRY_INDEX = 0;
    /** {@code __u32 reserved}. */
    public static final int ENTRY_RESERVED = 4;
    /** {@code __u64 data}. */
    public static final int ENTRY_DATA = 8;

    /** The whole of {@code kvm_msrs}. */
    public static final Struct STRUCT =
            Struct.of("kvm_msrs", 8).u32("nmsrs", NMSRS).u32("pad", PAD).build();

    /** The whole of {@code kvm_msr_entry}. */
    public static final Struct ENTRY = Struct.of("kvm_msr_entry", 16)
            .u32("index", ENTRY_INDEX)
            .u32("reserved", ENTRY_RESERVED)
            .u64("data", ENTRY_DATA)
            .build();

    private MsrsLayout() {}
}
