package io.guestmem.measure.launch;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.launch.VmsaField.Segment;
import java.util.EnumMap;
import java.util.Map;

/**
 * The register state of vCPUs as it is measured: what a VMM and KVM leave in the VMSA when the launch ends.
 *
 * @param vmm whose habits
 * @param signature {@code CPUID(1).EAX}, which QEMU leaves in RDX
 * @param features SEV_FEATURES: 0 for SEV-ES
 * @param fpu whether MXCSR and FCW hold their reset values: KVM copies them except for VMs of the default type, so legacy SEV-ES
 *     and SNP hosts before Linux 6.9 have zeroes
 * @param overrides fields that differ, whatever the reason
 */
public record Vmsa(Vmm vmm, long signature, long features, boolean fpu, Map<VmsaField, Long> overrides) {
    /** Where the first vCPU starts: the reset vector. */
    public static final long RESET = 0xffff_fff0L;

    private static final long EC2_RDX = 0x600;
    private static final long PAT = 0x0007_0406_0007_0406L;
    private static final long GCE_PAT = 0x0007_0106;
    private static final int MXCSR = 0x1f80;
    private static final int FCW = 0x37f;
    private static final int WRITABLE_DATA = 0x93;
    private static final int LIMIT = 0xffff;

    /** Keeps its own copy. */
    public Vmsa {
        overrides = overrides.isEmpty() ? Map.of() : Map.copyOf(new EnumMap<>(overrides));
    }

    /**
     * The page of a vCPU.
     *
     * @param vcpu its index; the first one starts at the reset vector
     * @param resetAddress where the others start
     */
    public byte[] page(int vcpu, long resetAddress) {
        byte[] page = new byte[LaunchStep.PAGE];
        boolean first = vcpu == 0;
        long eip = first ? RESET : resetAddress;
        boolean oldAttributes = vmm.isEc2() || vmm.isKrun();
        int code = vmm.isKrun() || (vmm.isEc2() && first) ? 0x9a : 0x9b;
        for (Segment data : new Segment[] {Segment.ES, Segment.DS, Segment.FS, Segment.GS}) {
            data.put(page, 0, WRITABLE_DATA, LIMIT, 0);
        }
        Segment.CS.put(page, 0xf000, code, LIMIT, eip & 0xffff_0000L);
        Segment.SS.put(page, 0, oldAttributes ? 0x92 : WRITABLE_DATA, LIMIT, 0);
        tables(page, oldAttributes ? 0x83 : 0x8b);
        controls(page);
        VmsaField.CR0.put(page, 0x10);
        VmsaField.RIP.put(page, eip & 0xffff);
        VmsaField.G_PAT.put(page, vmm == Vmm.GCE ? GCE_PAT : PAT);
        VmsaField.RDX.put(page, rdx());
        VmsaField.SEV_FEATURES.put(page, features);
        if (fpu && vmm == Vmm.QEMU) {
            VmsaField.MXCSR.put(page, MXCSR);
            VmsaField.FCW.put(page, FCW);
        }
        if (vmm == Vmm.LIBKRUN) {
            libkrun(page, first);
        }
        overrides.forEach((field, value) -> field.put(page, value));
        return page;
    }

    /**
     * The page of every vCPU of a Coconut SVSM: flat protected mode at its entry.
     *
     * @param entry guest-physical address
     */
    public byte[] svsmPage(long entry) {
        byte[] page = new byte[LaunchStep.PAGE];
        long all = 0xffff_ffffL;
        for (Segment data : new Segment[] {Segment.ES, Segment.SS, Segment.DS, Segment.FS}) {
            data.put(page, 0x10, 0xc93, all, 0);
        }
        Segment.CS.put(page, 0x8, 0xc9b, all, 0);
        Segment.GS.put(page, 0, WRITABLE_DATA, LIMIT, 0);
        tables(page, 0x8b);
        controls(page);
        VmsaField.CR0.put(page, 0x11);
        VmsaField.RIP.put(page, entry);
        VmsaField.G_PAT.put(page, PAT);
        VmsaField.RDX.put(page, signature);
        VmsaField.SEV_FEATURES.put(page, features);
        if (fpu) {
            VmsaField.MXCSR.put(page, MXCSR);
        }
        overrides.forEach((field, value) -> field.put(page, value));
        return page;
    }

    private long rdx() {
        return switch (vmm) {
            case QEMU -> signature;
            case EC2, GCE -> EC2_RDX;
            case EC2_RDX0, KRUN, LIBKRUN -> 0;
        };
    }

    private static void tables(byte[] page, int task) {
        Segment.GDTR.put(page, 0, 0, LIMIT, 0);
        Segment.IDTR.put(page, 0, 0, LIMIT, 0);
        Segment.LDTR.put(page, 0, 0x82, LIMIT, 0);
        Segment.TR.put(page, 0, task, LIMIT, 0);
    }

    private static void controls(byte[] page) {
        VmsaField.EFER.put(page, 0x1000);
        VmsaField.CR4.put(page, 0x40);
        VmsaField.DR7.put(page, 0x400);
        VmsaField.DR6.put(page, 0xffff_0ff0L);
        VmsaField.RFLAGS.put(page, 2);
        VmsaField.XCR0.put(page, 1);
    }

    /** libkrun {@code src/arch/src/x86_64/regs.rs}: the first vCPU has a stack and the zero page, the others start at 0x91000. */
    private static void libkrun(byte[] page, boolean first) {
        if (first) {
            VmsaField.RSI.put(page, 0x7000);
            VmsaField.RBP.put(page, 0x8ff0);
            VmsaField.RSP.put(page, 0x8ff0);
        } else {
            VmsaField.RIP.put(page, 0);
            VmsaField.CS_SELECTOR.put(page, 0x9100);
            VmsaField.CS_BASE.put(page, 0x9_1000);
        }
    }
}
