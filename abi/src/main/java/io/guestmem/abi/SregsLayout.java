package io.guestmem.abi;

/**
 * The argument of {@code KVM_GET_SREGS} and {@code KVM_SET_SREGS}: the registers that decide how a vCPU translates
 * addresses.
 *
 * <pre>{@code
 * struct kvm_sregs {
 *     struct kvm_segment cs;      //   0
 *     struct kvm_segment ds;      //  24
 *     struct kvm_segment es;      //  48
 *     struct kvm_segment fs;      //  72
 *     struct kvm_segment gs;      //  96
 *     struct kvm_segment ss;      // 120
 *     struct kvm_segment tr;      // 144
 *     struct kvm_segment ldt;     // 168
 *     struct kvm_dtable gdt;      // 192
 *     struct kvm_dtable idt;      // 208
 *     __u64 cr0;                  // 224
 *     __u64 cr2;                  // 232
 *     __u64 cr3;                  // 240
 *     __u64 cr4;                  // 248
 *     __u64 cr8;                  // 256
 *     __u64 efer;                 // 264
 *     __u64 apic_base;            // 272
 *     __u64 interrupt_bitmap[4];  // 280  pending external interrupt: at most one bit
 * };                              // 312
 * }</pre>
 *
 * <p>Inside a segment, {@link SegmentLayout}; inside a table, {@link DtableLayout}. Source: Linux 7.2
 * {@code arch/x86/include/uapi/asm/kvm.h}.
 */
public final class SregsLayout {
    /** {@code struct kvm_segment cs}. */
    public static final int CS = 0;
    /** {@code struct kvm_segment ds}. */
    public static final int DS = 24;
    /** {@code struct kvm_segment es}. */
    public static final int ES = 48;
    /** {@code struct kvm_segment fs}. */
    public static final int FS = 72;
    /** {@code struct kvm_segment gs}. */
    public static final int GS = 96;
    /** {@code struct kvm_segment ss}. */
    public static final int SS = 120;
    /** {@code struct kvm_segment tr}. */
    public static final int TR = 144;
    /** {@code struct kvm_segment ldt}. */
    public static final int LDT = 168;
    /** {@code struct kvm_dtable gdt}. */
    public static final int GDT = 192;
    /** {@code struct kvm_dtable idt}. */
    public static final int IDT = 208;
    /** {@code __u64 cr0}. */
    public static final int CR0 = 224;
    /** {@code __u64 cr2}. */
    public static final int CR2 = 232;
    /** {@code __u64 cr3}. */
    public static final int CR3 = 240;
    /** {@code __u64 cr4}. */
    public static final int CR4 = 248;
    /** {@code __u64 cr8}. */
    public static final int CR8 = 256;
    /** {@code __u64 efer}. */
    public static final int EFER = 264;
    /** {@code __u64 apic_base}. */
    public static final int APIC_BASE = 272;
    /** {@code __u64 interrupt_bitmap[4]}. */
    public static final int INTERRUPT_BITMAP = 280;

    /** The whole struct. */
    public static final Struct STRUCT = Struct.of("kvm_sregs", 312)
            .array("cs", CS, SegmentLayout.STRUCT.size(), 1)
            .array("ds", DS, SegmentLayout.STRUCT.size(), 1)
            .array("es", ES, SegmentLayout.STRUCT.size(), 1)
            .array("fs", FS, SegmentLayout.STRUCT.size(), 1)
            .array("gs", GS, SegmentLayout.STRUCT.size(), 1)
            .array("ss", SS, SegmentLayout.STRUCT.size(), 1)
            .array("tr", TR, SegmentLayout.STRUCT.size(), 1)
            .array("ldt", LDT, SegmentLayout.STRUCT.size(), 1)
            .array("gdt", GDT, DtableLayout.STRUCT.size(), 1)
            .array("idt", IDT, DtableLayout.STRUCT.size(), 1)
            .u64("cr0", CR0)
            .u64("cr2", CR2)
            .u64("cr3", CR3)
            .u64("cr4", CR4)
            .u64("cr8", CR8)
            .u64("efer", EFER)
            .u64("apic_base", APIC_BASE)
            .array("interrupt_bitmap", INTERRUPT_BITMAP, Long.BYTES, 4)
            .build();

    private SregsLayout() {}
}
