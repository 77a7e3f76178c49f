package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_SUPPORTED_CPUID} and {@code KVM_SET_CPUID2}: a header and as many entries as it says.
 *
 * <pre>{@code
 * struct kvm_cpuid2 {
 *     __u32 nent;                         // 0  in: entries that fit; out: entries there are
 *     __u32 padding;                      // 4
 *     struct kvm_cpuid_entry2 entries[];  // 8  40 bytes each
 * };                                      // 8
 *
 * struct kvm_cpuid_entry2 {
 *     __u32 function;    //  0  leaf: EAX on entry
 *     __u32 index;       //  4  subleaf: ECX on entry, with SIGNIFICANT_INDEX
 *     __u32 flags;       //  8
 *     __u32 eax;         // 12
 *     __u32 ebx;         // 16
 *     __u32 ecx;         // 20
 *     __u32 edx;         // 24
 *     __u32 padding[3];  // 28
 * };                     // 40
 * }</pre>
 *
 * <p>{@code E2BIG} means that {@code nent} was too small. Offsets of an entry count from the entry. Source: Linux 7.2
 * {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class CpuidLayout {
    /** {@code __u32 nent}. */
    public static final int NENT = 0;
    /** {@code __u32 padding}. */
    public static final int PADDING = 4;
    /** {@code struct kvm_cpuid_entry2 entries[]}. */
    public static final int ENTRIES = 8;

    /** {@code __u32 function}. */
    public static final int ENTRY_FUNCTION = 0;
    /** {@code __u32 index}. */
    public static final int ENTRY_INDEX = 4;
    /** {@code __u32 flags}. */
    public static final int ENTRY_FLAGS = 8;
    /** {@code __u32 eax}. */
    public static final int ENTRY_EAX = 12;
    /** {@code __u32 ebx}. */
    public static final int ENTRY_EBX = 16;
    /** {@code __u32 ecx}. */
    public static final int ENTRY_ECX = 20;
    /** {@code __u32 edx}. */
    public static final int ENTRY_EDX = 24;
    /** {@code __u32 padding[3]}. */
    public static final int ENTRY_PADDING = 28;

    /** {@code KVM_CPUID_FLAG_SIGNIFCANT_INDEX}, as the kernel spells it: the leaf has subleaves. */
    public static final int SIGNIFICANT_INDEX = 1;

    /** The whole of {@code kvm_cpuid2}. */
    public static final Struct STRUCT =
            Struct.of("kvm_cpuid2", 8).u32("nent", NENT).u32("padding", PADDING).build();

    /** The whole of {@code kvm_cpuid_entry2}. */
    public static final Struct ENTRY = Struct.of("kvm_cpuid_entry2", 40)
            .u32("function", ENTRY_FUNCTION)
            .u32("index", ENTRY_INDEX)
            .u32("flags", ENTRY_FLAGS)
            .u32("eax", ENTRY_EAX)
            .u32("ebx", ENTRY_EBX)
            .u32("ecx", ENTRY_ECX)
            .u32("edx", ENTRY_EDX)
            .array("padding", ENTRY_PADDING, Integer.BYTES, 3)
            .build();

    private CpuidLayout() {}
}
