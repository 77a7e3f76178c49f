package io.guestmem.soft.cpu;

import static io.guestmem.soft.cpu.ControlBits.CR0_CD;
import static io.guestmem.soft.cpu.ControlBits.CR0_ET;
import static io.guestmem.soft.cpu.ControlBits.CR0_NW;
import static io.guestmem.soft.cpu.ControlBits.CR0_PE;
import static io.guestmem.soft.cpu.ControlBits.CR0_PG;
import static io.guestmem.soft.cpu.ControlBits.CR4_PAE;
import static io.guestmem.soft.cpu.ControlBits.EFER_LMA;

import io.guestmem.abi.DtableLayout;
import io.guestmem.abi.Sregs2Layout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.paging.PdpteRegisters;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Segments, descriptor tables and control registers: what {@code struct kvm_sregs} carries, and the registers of PAE paging.
 */
final class SystemRegisters {
    /** Enabled, at its usual place; the bit of the boot processor is added for vCPU 0. */
    static final long APIC_BASE_RESET = 0xFEE0_0000L | 1 << 11;

    static final long APIC_BASE_BOOT = 1 << 8;

    private static final int SEGMENTS = 6;
    private static final int TYPE_LDT = 2;
    private static final int TYPE_BUSY_TSS = 0xB;

    /** Offsets of {@link SregsLayout}, which {@link Sregs2Layout} shares, by the number of the segment register. */
    private static final int[] LAYOUT = {
        SregsLayout.ES, SregsLayout.CS, SregsLayout.SS, SregsLayout.DS, SregsLayout.FS, SregsLayout.GS
    };

    /** By {@link SegmentRegister#ES} and so on. */
    final SegmentRegister[] segments = new SegmentRegister[SEGMENTS];

    SegmentRegister task = SegmentRegister.resetSystem(TYPE_BUSY_TSS);
    SegmentRegister localTable = SegmentRegister.resetSystem(TYPE_LDT);
    long gdtBase;
    int gdtLimit;
    long idtBase;
    int idtLimit;
    long cr0 = CR0_CD | CR0_NW | CR0_ET;
    long cr2;
    long cr3;
    long cr4;
    long cr8;
    long efer;
    long apicBase;
    PdpteRegisters pdptes = PdpteRegisters.NONE;

    SystemRegisters(long apicBase) {
        this.apicBase = apicBase;
        reset();
    }

    /** What INIT does; the local APIC's base stays. Source: Linux 7.2 {@code x86.c:kvm_vcpu_reset}, {@code svm.c:init_vmcb}. */
    void reset() {
        for (int i = 0; i < SEGMENTS; i++) {
            segments[i] = i == SegmentRegister.CS ? SegmentRegister.resetCode() : SegmentRegister.realMode(0);
        }
        task = SegmentRegister.resetSystem(TYPE_BUSY_TSS);
        localTable = SegmentRegister.resetSystem(TYPE_LDT);
        gdtBase = 0;
        gdtLimit = 0xFFFF;
        idtBase = 0;
        idtLimit = 0xFFFF;
        cr0 = CR0_ET | (cr0 & (CR0_CD | CR0_NW));
        cr2 = 0;
        cr3 = 0;
        cr4 = 0;
        cr8 = 0;
        efer = 0;
    }

    void copyFrom(SystemRegisters other) {
        System.arraycopy(other.segments, 0, segments, 0, SEGMENTS);
        task = other.task;
        localTable = other.localTable;
        gdtBase = other.gdtBase;
        gdtLimit = other.gdtLimit;
        idtBase = other.idtBase;
        idtLimit = other.idtLimit;
        cr0 = other.cr0;
        cr2 = other.cr2;
        cr3 = other.cr3;
        cr4 = other.cr4;
        cr8 = other.cr8;
        efer = other.efer;
        apicBase = other.apicBase;
        pdptes = other.pdptes;
    }

    boolean isProtected() {
        return (cr0 & CR0_PE) != 0;
    }

    boolean isLong() {
        return (efer & EFER_LMA) != 0;
    }

    boolean isPaePaging() {
        return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && !isLong();
    }

    /** The privilege level: that of the stack segment, as both vendors keep it. */
    int cpl() {
        return isProtected() ? segments[SegmentRegister.SS].dpl() : 0;
    }

    /** The bits of code: 16, 32 or 64. */
    int codeBits() {
        SegmentRegister code = segments[SegmentRegister.CS];
        if (isLong() && code.l()) {
            return 64;
        }
        return code.db() ? 32 : 16;
    }

    /** Writes what {@code kvm_sregs} and {@code kvm_sregs2} have in common. */
    void writeCommon(MemorySegment sregs) {
        for (int i = 0; i < SEGMENTS; i++) {
            segments[i].write(sregs, LAYOUT[i]);
        }
        task.write(sregs, SregsLayout.TR);
        localTable.write(sregs, SregsLayout.LDT);
        writeTable(sregs, SregsLayout.GDT, gdtBase, gdtLimit);
        writeTable(sregs, SregsLayout.IDT, idtBase, idtLimit);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR0, cr0);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR2, cr2);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR3, cr3);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR4, cr4);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR8, cr8);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.EFER, efer);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.APIC_BASE, apicBase);
    }

    private static void writeTable(MemorySegment sregs, int at, long base, int limit) {
        sregs.set(ValueLayout.JAVA_LONG, at + DtableLayout.BASE, base);
        sregs.set(ValueLayout.JAVA_SHORT, at + DtableLayout.LIMIT, (short) limit);
    }

    /** Takes over what {@code kvm_sregs} and {@code kvm_sregs2} have in common, unchecked; see {@link SregsRules}. */
    void readCommon(MemorySegment sregs) {
        for (int i = 0; i < SEGMENTS; i++) {
            segments[i] = SegmentRegister.read(sregs, LAYOUT[i]);
        }
        task = SegmentRegister.read(sregs, SregsLayout.TR);
        localTable = SegmentRegister.read(sregs, SregsLayout.LDT);
        gdtBase = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.GDT + DtableLayout.BASE);
        gdtLimit = limit(sregs, SregsLayout.GDT);
        idtBase = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.IDT + DtableLayout.BASE);
        idtLimit = limit(sregs, SregsLayout.IDT);
        cr0 = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR0);
        cr2 = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR2);
        cr3 = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR3);
        cr4 = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR4);
        efer = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.EFER);
        apicBase = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.APIC_BASE);
        long newCr8 = sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR8);
        if ((newCr8 & ~ControlBits.CR8_DEFINED) == 0) {
            cr8 = newCr8;
        }
    }

    private static int limit(MemorySegment sregs, int at) {
        return Short.toUnsignedInt(sregs.get(ValueLayout.JAVA_SHORT, at + DtableLayout.LIMIT));
    }
}
