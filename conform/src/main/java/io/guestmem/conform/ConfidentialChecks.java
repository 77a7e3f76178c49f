package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.EOPNOTSUPP;
import static io.guestmem.conform.CheckClass.CONFIDENTIAL;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.Launching.GPA;
import static io.guestmem.conform.Launching.PAGE;
import static io.guestmem.conform.Launching.PAGES;
import static io.guestmem.conform.Launching.SHARED_BIT;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.SnpLaunchUpdateLayout;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.VmType;
import io.guestmem.conform.RawVcpu.PreFaulted;
import java.util.List;
import java.util.stream.Stream;

/** What is otherwise in confidential VMs with memslots, pre-faults and stage-2 tables. */
final class ConfidentialChecks {
    private ConfidentialChecks() {}

    static List<Check> all() {
        return List.of(
                Check.of(
                        "SLOT-27",
                        "no read-only slots where the registers are protected",
                        "kvm_main.c:kvm_arch_has_readonly_mem",
                        ConfidentialChecks::readOnlySlot,
                        CONFIDENTIAL,
                        MODEL),
                Check.of(
                        "PF-39",
                        "a pre-fault before the launch is finished",
                        "mmu.c:kvm_arch_vcpu_pre_fault_memory",
                        ConfidentialChecks::tooEarly,
                        CONFIDENTIAL,
                        MODEL),
                Check.of(
                        "PF-40",
                        "a pre-fault of the shared alias",
                        "mmu.c:kvm_arch_vcpu_pre_fault_memory",
                        ConfidentialChecks::alias,
                        CONFIDENTIAL,
                        MODEL),
                Check.of(
                        "MMU-20",
                        "changes of host memory leave private pages alone",
                        "tdp_mmu.c:kvm_tdp_mmu_unmap_gfn_range",
                        ConfidentialChecks::privateTree,
                        MODEL));
    }

    /** The types that a kernel can show this with, or a skip. */
    private static List<VmType> those(Trial t, VmType... types) {
        List<VmType> there = Stream.of(types).filter(t::canHave).toList();
        Trial.require(
                !there.isEmpty(),
                "no VMs of any of these types: " + List.of(types) + ": KVM_CAP_VM_TYPES is "
                        + t.capability(Capability.VM_TYPES));
        return there;
    }

    private static void readOnlySlot(Trial t) {
        for (VmType type : those(t, VmType.SNP, VmType.TDX, VmType.SEV_ES)) {
            Launching launching = Launching.of(t, type);
            HostMemory memory = launching.trial().memory(PAGE);
            Region region = Region.of(0, GPA, memory);
            t.expect(type + " read-only", EINVAL, launching.vm().set(region.withFlags(Region.READONLY)));
            t.expect(type + " writable", 0, launching.vm().set(region));
        }
    }

    private static void tooEarly(Trial t) {
        t.requirePreFault();
        for (VmType type : those(t, VmType.SNP, VmType.TDX)) {
            Launching launching = Launching.of(t, type);
            RawVcpu vcpu = type == VmType.SNP ? populatedSnp(launching) : populatedTd(launching);
            t.expectSame(
                    type + " before the end", new PreFaulted(-EOPNOTSUPP.number(), GPA, PAGES * PAGE), preFault(vcpu));
            t.must(
                    "the end of the launch",
                    type == VmType.SNP ? launching.snpFinish().result() : launching.finalizeVm());
            t.expectSame(type + " after it", new PreFaulted(0, GPA + PAGES * PAGE, 0), preFault(vcpu));
        }
    }

    /** An SNP guest whose first page is populated. */
    private static RawVcpu populatedSnp(Launching snp) {
        snp.begunSnp().privateSlot();
        long source = snp.source(1).hva();
        snp.trial()
                .must(
                        "populated",
                        snp.snpUpdate(SnpLaunchUpdateLayout.NORMAL, GPA, source, PAGE)
                                .sev()
                                .result());
        return snp.vm().vcpu(0);
    }

    /** All of the slot, however many calls that takes: they are counted as one. */
    private static PreFaulted preFault(RawVcpu vcpu) {
        PreFaulted answer = vcpu.preFault(GPA, PAGES * PAGE);
        while (answer.result() == 0 && answer.left() != 0) {
            answer = vcpu.preFault(answer.gpa(), answer.left());
        }
        return answer;
    }

    /** A TD whose first page is populated. */
    private static RawVcpu populatedTd(Launching tdx) {
        RawVcpu vcpu = tdx.begunTdx();
        tdx.privateSlot();
        long source = tdx.source(1).hva();
        tdx.trial()
                .must(
                        "populated",
                        tdx.initMemRegion(vcpu, source, GPA, 1, TdxCommandLayout.MEASURE_MEMORY_REGION)
                                .result());
        return vcpu;
    }

    private static void alias(Trial t) {
        t.requirePreFault();
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = populatedTd(tdx);
        t.must("FINALIZE_VM", tdx.finalizeVm());
        long shared = GPA | SHARED_BIT;
        t.expectSame(
                "with the shared bit", new PreFaulted(-EINVAL.number(), shared, PAGE), vcpu.preFault(shared, PAGE));
        t.expectSame("without", new PreFaulted(0, GPA + PAGE, 0), vcpu.preFault(GPA, PAGE));
    }

    private static void privateTree(Trial t) {
        t.requirePreFault();
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = tdx.begunTdx();
        HostMemory shared = tdx.privateSlot();
        t.must(
                "populated",
                tdx.initMemRegion(vcpu, tdx.source(1).hva(), GPA, 1, TdxCommandLayout.MEASURE_MEMORY_REGION)
                        .result());
        t.must("FINALIZE_VM", tdx.finalizeVm());
        tdx.vm().makeShared(GPA + PAGE, PAGE);
        vcpu.preFaultAll(GPA, 2 * PAGE);
        ModelInspection model = tdx.trial().model();
        t.expect("leaves", 2, model.leaves(tdx.vm().file(), 1));
        t.must("MADV_DONTNEED", shared.advise(HostAdvice.DONT_NEED, 0, PAGES * PAGE));
        t.expect("leaves of private pages", 1, model.leaves(tdx.vm().file(), 1));
        t.expect(
                "level of the private page",
                1,
                model.leaf(tdx.vm().file(), 0, GPA).level());
        tdx.vm().makePrivate(GPA, PAGES * PAGE);
        t.expect(
                "and when its neighbours become private",
                1,
                model.leaves(tdx.vm().file(), 1));
    }
}
