package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.SregsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Special registers that contradict each other. */
final class SregsChecks {
    private static final long CR0_NW = 1 << 29;
    private static final long EFER_RESERVED = 1 << 1;

    private SregsChecks() {}

    static List<Check> all() {
        return List.of(
                Check.of(
                        "SREG-01",
                        "combinations that no CPU has",
                        "regs.c:kvm_is_valid_sregs",
                        SregsChecks::combinations,
                        REAL),
                Check.of("SREG-02", "a reserved bit of EFER", "regs.c:kvm_valid_efer", SregsChecks::efer, REAL));
    }

    private static RawVcpu vcpu(Trial t) {
        RawVcpu vcpu = t.vm().vcpu(0);
        vcpu.setCpuid(CpuidTable.supported(t));
        return vcpu;
    }

    /** Valid registers of long mode with one of them set to something else. */
    private static long with(RawVcpu vcpu, int register, long value) {
        MemorySegment sregs = vcpu.systemRegisters();
        LongMode.supervisor(sregs, 0);
        sregs.set(ValueLayout.JAVA_LONG, register, value);
        return vcpu.setSystemRegisters(sregs);
    }

    private static void combinations(Trial t) {
        RawVcpu vcpu = vcpu(t);
        MemorySegment reset = vcpu.systemRegisters();
        long cr0 = reset.get(ValueLayout.JAVA_LONG, SregsLayout.CR0);
        long pe = LongMode.CR0_PE;
        long pg = LongMode.CR0_PG;
        t.expect("PG without PE", EINVAL, with(vcpu, SregsLayout.CR0, pg));
        t.expect("LME and PG without PAE", EINVAL, with(vcpu, SregsLayout.CR4, 0));
        t.expect("LME and PG without LMA", EINVAL, with(vcpu, SregsLayout.EFER, LongMode.EFER_LME));
        t.expect("LMA without PG", EINVAL, with(vcpu, SregsLayout.CR0, cr0 | pe));
        t.expect("LMA without LME", EINVAL, with(vcpu, SregsLayout.EFER, LongMode.EFER_LMA));
        t.expect("NW without CD", EINVAL, with(vcpu, SregsLayout.CR0, pg | pe | CR0_NW));
        t.expect("bit 32 of CR0", EINVAL, with(vcpu, SregsLayout.CR0, 1L << 32 | pg | pe));
        t.expect("bit 60 of CR3", EINVAL, with(vcpu, SregsLayout.CR3, 1L << 60));
        t.expect("bit 40 of CR4", EINVAL, with(vcpu, SregsLayout.CR4, 1L << 40 | LongMode.CR4_PAE));
        t.expect("none of these", 0, with(vcpu, SregsLayout.CR3, 0));
    }

    private static void efer(Trial t) {
        // Known of 6.18 and of 7.2; which release in between changed it is not.
        Answer expected = Answer.of(0).since(7, 0, EINVAL);
        long efer = LongMode.EFER_LME | LongMode.EFER_LMA | EFER_RESERVED;
        t.expect("bit 1 of EFER", expected, with(vcpu(t), SregsLayout.EFER, efer));
    }
}
