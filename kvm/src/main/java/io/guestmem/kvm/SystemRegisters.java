package io.guestmem.kvm;

import io.guestmem.abi.SregsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The special registers of a vCPU ({@code struct kvm_sregs}), without the pending interrupts.
 *
 * @param segments the segment registers
 * @param gdt gdtr
 * @param idt idtr
 * @param cr0 control register 0
 * @param cr2 the last address that faulted
 * @param cr3 the root of the page tables
 * @param cr4 control register 4
 * @param cr8 task priority
 * @param efer extended features
 * @param apicBase the APIC's base address and its enable bits
 */
public record SystemRegisters(
        Segments segments,
        DescriptorTable gdt,
        DescriptorTable idt,
        long cr0,
        long cr2,
        long cr3,
        long cr4,
        long cr8,
        long efer,
        long apicBase) {

    /**
     * The segment registers.
     *
     * @param cs code
     * @param ds data
     * @param es data
     * @param fs data
     * @param gs data
     * @param ss stack
     * @param tr the task
     * @param ldt the local descriptor table
     */
    public record Segments(
            Segment cs, Segment ds, Segment es, Segment fs, Segment gs, Segment ss, Segment tr, Segment ldt) {
        /** One segment for code, one for all data, and a task; the local descriptor table stays. */
        public Segments flat(Segment code, Segment data, Segment task) {
            return new Segments(code, data, data, data, data, data, task, ldt);
        }
    }

    /** The same with other segments. */
    public SystemRegisters withSegments(Segments other) {
        return new SystemRegisters(other, gdt, idt, cr0, cr2, cr3, cr4, cr8, efer, apicBase);
    }

    /** The same with what decides about paging. */
    public SystemRegisters withPaging(long newCr0, long newCr3, long newCr4, long newEfer) {
        return new SystemRegisters(segments, gdt, idt, newCr0, cr2, newCr3, newCr4, cr8, newEfer, apicBase);
    }

    static SystemRegisters read(MemorySegment struct) {
        return new SystemRegisters(
                new Segments(
                        Segment.read(struct, SregsLayout.CS),
                        Segment.read(struct, SregsLayout.DS),
                        Segment.read(struct, SregsLayout.ES),
                        Segment.read(struct, SregsLayout.FS),
                        Segment.read(struct, SregsLayout.GS),
                        Segment.read(struct, SregsLayout.SS),
                        Segment.read(struct, SregsLayout.TR),
                        Segment.read(struct, SregsLayout.LDT)),
                DescriptorTable.read(struct, SregsLayout.GDT),
                DescriptorTable.read(struct, SregsLayout.IDT),
                struct.get(ValueLayout.JAVA_LONG, SregsLayout.CR0),
                struct.get(ValueLayout.JAVA_LONG, SregsLayout.CR2),
                struct.get(ValueLayout.JAVA_LONG, SregsLayout.CR3),
                struct.get(ValueLayout.JAVA_LONG, SregsLayout.CR4),
                struct.get(ValueLayout.JAVA_LONG, SregsLayout.CR8),
                struct.get(ValueLayout.JAVA_LONG, SregsLayout.EFER),
                struct.get(ValueLayout.JAVA_LONG, SregsLayout.APIC_BASE));
    }

    void write(MemorySegment struct) {
        segments.cs.write(struct, SregsLayout.CS);
        segments.ds.write(struct, SregsLayout.DS);
        segments.es.write(struct, SregsLayout.ES);
        segments.fs.write(struct, SregsLayout.FS);
        segments.gs.write(struct, SregsLayout.GS);
        segments.ss.write(struct, SregsLayout.SS);
        segments.tr.write(struct, SregsLayout.TR);
        segments.ldt.write(struct, SregsLayout.LDT);
        gdt.write(struct, SregsLayout.GDT);
        idt.write(struct, SregsLayout.IDT);
        struct.set(ValueLayout.JAVA_LONG, SregsLayout.CR0, cr0);
        struct.set(ValueLayout.JAVA_LONG, SregsLayout.CR2, cr2);
        struct.set(ValueLayout.JAVA_LONG, SregsLayout.CR3, cr3);
        struct.set(ValueLayout.JAVA_LONG, SregsLayout.CR4, cr4);
        struct.set(ValueLayout.JAVA_LONG, SregsLayout.CR8, cr8);
        struct.set(ValueLayout.JAVA_LONG, SregsLayout.EFER, efer);
        struct.set(ValueLayout.JAVA_LONG, SregsLayout.APIC_BASE, apicBase);
    }
}
