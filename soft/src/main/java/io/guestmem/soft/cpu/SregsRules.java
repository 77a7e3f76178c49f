package io.guestmem.soft.cpu;

import static io.guestmem.soft.cpu.ControlBits.CR0_CD;
import static io.guestmem.soft.cpu.ControlBits.CR0_NW;
import static io.guestmem.soft.cpu.ControlBits.CR0_PE;
import static io.guestmem.soft.cpu.ControlBits.CR0_PG;
import static io.guestmem.soft.cpu.ControlBits.CR4_PAE;
import static io.guestmem.soft.cpu.ControlBits.EFER_FFXSR;
import static io.guestmem.soft.cpu.ControlBits.EFER_LMA;
import static io.guestmem.soft.cpu.ControlBits.EFER_LME;
import static io.guestmem.soft.cpu.ControlBits.EFER_NXE;
import static io.guestmem.soft.cpu.ControlBits.EFER_SCE;

import io.guestmem.soft.KernelVersion;

/**
 * Which control registers KVM accepts, by the guest's CPUID.
 *
 * <p>Source: Linux 7.2 {@code regs.c:kvm_is_valid_sregs}, {@code x86.c:kvm_valid_efer}, {@code lapic.c:kvm_apic_set_base}.
 *
 * @param cpuid of the guest
 * @param version from 7.2 on EFER is checked with the sregs; before it was taken as it came
 */
record SregsRules(Cpuid cpuid, KernelVersion version) {
    /** VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT: in every processor that KVM runs on. */
    private static final long CR4_ALWAYS = 0b0111_1111_1111;

    private static final long CR0_UPPER = 0xFFFF_FFFF_0000_0000L;
    private static final long APIC_RESERVED = 0x2FF;
    private static final long APIC_X2APIC = 1 << 10;
    private static final long APIC_ENABLED = 1 << 11;

    /** Whether the registers of {@code KVM_SET_SREGS} fit together, in the order in which KVM asks. */
    boolean accepts(SystemRegisters sregs, long apicBaseBefore) {
        if ((sregs.efer & EFER_LME) != 0 && (sregs.cr0 & CR0_PG) != 0) {
            if ((sregs.cr4 & CR4_PAE) == 0 || (sregs.efer & EFER_LMA) == 0 || !acceptsCr3(sregs.cr3)) {
                return false;
            }
        } else if ((sregs.efer & EFER_LMA) != 0 || sregs.segments[SegmentRegister.CS].l()) {
            return false;
        }
        return acceptsCr4(sregs.cr4)
                && acceptsCr0(sregs.cr0)
                && (!version.atLeast(KernelVersion.V7_2) || acceptsEfer(sregs.efer))
                && acceptsApicBase(sregs.apicBase, apicBaseBefore);
    }

    boolean acceptsCr0(long cr0) {
        return (cr0 & CR0_UPPER) == 0
                && ((cr0 & CR0_NW) == 0 || (cr0 & CR0_CD) != 0)
                && ((cr0 & CR0_PG) == 0 || (cr0 & CR0_PE) != 0);
    }

    boolean acceptsCr3(long cr3) {
        long address = cpuid.has(Cpuid.Feature.LAM) ? cr3 & ~ControlBits.CR3_LAM : cr3;
        int bits = cpuid.physicalAddressBits();
        return bits > 63 || address >>> bits == 0;
    }

    boolean acceptsCr4(long cr4) {
        long allowed = CR4_ALWAYS;
        for (Cpuid.Feature feature : Cpuid.FEATURES) {
            allowed |= cpuid.has(feature) ? feature.cr4() : 0;
        }
        return (cr4 & ~allowed) == 0;
    }

    boolean acceptsEfer(long efer) {
        long allowed = EFER_SCE
                | (cpuid.has(Cpuid.Feature.LONG_MODE) ? EFER_LME | EFER_LMA : 0)
                | (cpuid.has(Cpuid.Feature.NO_EXECUTE) ? EFER_NXE : 0)
                | (cpuid.has(Cpuid.Feature.FFXSR) ? EFER_FFXSR : 0);
        return (efer & ~allowed) == 0;
    }

    /** An address that is there already is never refused. */
    boolean acceptsApicBase(long apicBase, long before) {
        if (apicBase == before) {
            return true;
        }
        boolean x2apic = (apicBase & APIC_X2APIC) != 0;
        int bits = cpuid.physicalAddressBits();
        return (apicBase & APIC_RESERVED) == 0
                && (bits > 63 || apicBase >>> bits == 0)
                && (!x2apic || (cpuid.has(Cpuid.Feature.X2APIC) && (apicBase & APIC_ENABLED) != 0));
    }
}
