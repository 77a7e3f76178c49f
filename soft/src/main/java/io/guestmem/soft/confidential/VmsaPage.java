package io.guestmem.soft.confidential;

import io.guestmem.abi.DtableLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.launch.VmsaField;
import io.guestmem.measure.launch.VmsaField.Segment;
import java.lang.foreign.MemorySegment;

/**
 * The page in which a vCPU's registers go to the guest. What the model does not have has its reset value: FPU, debug registers,
 * XCR0. Source: Linux 7.2 {@code sev.c:sev_es_sync_vmsa}, {@code svm.c:svm_set_segment}, {@code svm_set_cr0}, {@code svm_set_cr4},
 * {@code svm_set_efer}.
 */
final class VmsaPage {
    private static final int PAT = 0x277;
    private static final long EFER_SVME = 1 << 12;
    private static final long CR4_MCE = 1 << 6;

    /** CD and NW: the quirk {@code KVM_X86_QUIRK_CD_NW_CLEARED}. */
    private static final long CR0_CACHE = 0x6000_0000;

    private static final long DR6_RESET = 0xFFFF_0FF0L;
    private static final long DR7_RESET = 0x400;
    private static final int MXCSR_RESET = 0x1F80;
    private static final int FCW_RESET = 0x37F;

    private VmsaPage() {}

    /**
     * The page of a vCPU.
     *
     * @param features SEV_FEATURES
     * @param fpu whether KVM copies FPU state: not in VMs of the default type
     */
    static byte[] of(GuestVcpu vcpu, long features, boolean fpu) {
        byte[] page = new byte[LaunchStep.PAGE];
        system(page, vcpu.systemRegisters());
        general(page, vcpu.registers());
        VmsaField.DR6.put(page, DR6_RESET);
        VmsaField.DR7.put(page, DR7_RESET);
        VmsaField.G_PAT.put(page, vcpu.modelSpecificRegister(PAT));
        VmsaField.SEV_FEATURES.put(page, features);
        VmsaField.XCR0.put(page, 1);
        if (fpu) {
            VmsaField.MXCSR.put(page, MXCSR_RESET);
            VmsaField.FCW.put(page, FCW_RESET);
        }
        return page;
    }

    private static void system(byte[] page, MemorySegment sregs) {
        segment(page, Segment.ES, sregs, SregsLayout.ES);
        segment(page, Segment.CS, sregs, SregsLayout.CS);
        segment(page, Segment.SS, sregs, SregsLayout.SS);
        segment(page, Segment.DS, sregs, SregsLayout.DS);
        segment(page, Segment.FS, sregs, SregsLayout.FS);
        segment(page, Segment.GS, sregs, SregsLayout.GS);
        segment(page, Segment.LDTR, sregs, SregsLayout.LDT);
        segment(page, Segment.TR, sregs, SregsLayout.TR);
        table(page, Segment.GDTR, sregs, SregsLayout.GDT);
        table(page, Segment.IDTR, sregs, SregsLayout.IDT);
        VmsaField.CPL.put(page, sregs.get(Command.U8, SregsLayout.SS + SegmentLayout.DPL));
        VmsaField.EFER.put(page, sregs.get(Command.U64, SregsLayout.EFER) | EFER_SVME);
        VmsaField.CR0.put(page, sregs.get(Command.U64, SregsLayout.CR0) & ~CR0_CACHE);
        VmsaField.CR2.put(page, sregs.get(Command.U64, SregsLayout.CR2));
        VmsaField.CR3.put(page, sregs.get(Command.U64, SregsLayout.CR3));
        VmsaField.CR4.put(page, sregs.get(Command.U64, SregsLayout.CR4) | CR4_MCE);
    }

    private static void segment(byte[] page, Segment into, MemorySegment sregs, int at) {
        boolean unusable = sregs.get(Command.U8, at + SegmentLayout.UNUSABLE) != 0;
        int attributes = sregs.get(Command.U8, at + SegmentLayout.TYPE)
                | sregs.get(Command.U8, at + SegmentLayout.S) << 4
                | sregs.get(Command.U8, at + SegmentLayout.DPL) << 5
                | (unusable ? 0 : sregs.get(Command.U8, at + SegmentLayout.PRESENT)) << 7
                | sregs.get(Command.U8, at + SegmentLayout.AVL) << 8
                | sregs.get(Command.U8, at + SegmentLayout.L) << 9
                | sregs.get(Command.U8, at + SegmentLayout.DB) << 10
                | sregs.get(Command.U8, at + SegmentLayout.G) << 11;
        into.put(
                page,
                sregs.get(Command.U16, at + SegmentLayout.SELECTOR),
                attributes,
                sregs.get(Command.U32, at + SegmentLayout.LIMIT),
                sregs.get(Command.U64, at + SegmentLayout.BASE));
    }

    private static void table(byte[] page, Segment into, MemorySegment sregs, int at) {
        into.put(
                page,
                0,
                0,
                Short.toUnsignedInt(sregs.get(Command.U16, at + DtableLayout.LIMIT)),
                sregs.get(Command.U64, at + DtableLayout.BASE));
    }

    private static void general(byte[] page, MemorySegment regs) {
        put(page, VmsaField.RAX, regs, RegsLayout.RAX);
        put(page, VmsaField.RBX, regs, RegsLayout.RBX);
        put(page, VmsaField.RCX, regs, RegsLayout.RCX);
        put(page, VmsaField.RDX, regs, RegsLayout.RDX);
        put(page, VmsaField.RSI, regs, RegsLayout.RSI);
        put(page, VmsaField.RDI, regs, RegsLayout.RDI);
        put(page, VmsaField.RSP, regs, RegsLayout.RSP);
        put(page, VmsaField.RBP, regs, RegsLayout.RBP);
        put(page, VmsaField.R8, regs, RegsLayout.R8);
        put(page, VmsaField.R9, regs, RegsLayout.R9);
        put(page, VmsaField.R10, regs, RegsLayout.R10);
        put(page, VmsaField.R11, regs, RegsLayout.R11);
        put(page, VmsaField.R12, regs, RegsLayout.R12);
        put(page, VmsaField.R13, regs, RegsLayout.R13);
        put(page, VmsaField.R14, regs, RegsLayout.R14);
        put(page, VmsaField.R15, regs, RegsLayout.R15);
        put(page, VmsaField.RIP, regs, RegsLayout.RIP);
        put(page, VmsaField.RFLAGS, regs, RegsLayout.RFLAGS);
    }

    private static void put(byte[] page, VmsaField field, MemorySegment regs, int at) {
        field.put(page, regs.get(Command.U64, at));
    }
}
