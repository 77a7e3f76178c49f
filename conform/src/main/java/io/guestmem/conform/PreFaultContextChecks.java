package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.ENOENT;
import static io.guestmem.abi.ErrorNumber.EOPNOTSUPP;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.PRIVATE_MEMORY;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.conform.RawVcpu.PreFaulted;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** {@code KVM_PRE_FAULT_MEMORY} and the state of the vCPU or of the memory: nested guests, system management mode, private. */
final class PreFaultContextChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long GPA = Guest.FREE;
    private static final long SMM_BASE = 0x30000;
    private static final long SMM_SIZE = 0x10000;
    private static final long SMM_ENTRY = 0x8000;
    private static final int SMM_SPACE = 1 << 16;

    /** {@code out 0x10, al}. */
    private static final byte[] OUT = {(byte) 0xE6, 0x10};

    private PreFaultContextChecks() {}

    static List<Check> all() {
        String step = "mmu.c:kvm_arch_vcpu_pre_fault_memory";
        String gmem = "mmu.c:kvm_mmu_faultin_pfn_gmem";
        return List.of(
                Check.of(
                        "PF-33",
                        "not in a nested guest with tables of its own",
                        "mmu.c:kvm_tdp_page_prefault",
                        PreFaultContextChecks::nested,
                        TDP),
                Check.of(
                        "PF-34",
                        "the address space that the vCPU is in",
                        "kvm_host.h:kvm_arch_vcpu_memslots_id",
                        PreFaultContextChecks::systemManagementMode,
                        TDP,
                        MODEL),
                Check.of("PF-36", "private memory", step, PreFaultContextChecks::privateRange, PRIVATE_MEMORY),
                Check.of(
                        "PF-37",
                        "private and shared in one range",
                        step,
                        PreFaultContextChecks::privateAndShared,
                        PRIVATE_MEMORY,
                        MODEL),
                Check.of(
                        "PF-38",
                        "private without guest_memfd",
                        gmem,
                        PreFaultContextChecks::privateWithoutFile,
                        PRIVATE_MEMORY));
    }

    private static void nested(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        vm.slot(0, 0, 64 * PAGE);
        RawVcpu vcpu = vm.vcpu(0);
        CpuidTable cpuid = CpuidTable.supported(t);
        Trial.require(NestedGuest.offered(cpuid), "no nested SVM with nested paging on this kernel");
        vcpu.setCpuid(cpuid);
        t.expect("pre-fault before", 0, vcpu.preFault(PAGE, PAGE).result());
        long entered = NestedGuest.enter(t, vcpu);
        Trial.require(
                entered == 0,
                "this kernel does not take a nested guest: KVM_SET_NESTED_STATE " + Trial.answer(entered));
        t.expectSame(
                "pre-fault in the nested guest",
                new PreFaulted(-EOPNOTSUPP.number(), PAGE, PAGE),
                vcpu.preFault(PAGE, PAGE));
        t.expect("KVM_CAP_PRE_FAULT_MEMORY", 1, vm.capability(Capability.PRE_FAULT_MEMORY));
    }

    private static void systemManagementMode(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        Trial.require(
                vm.capability(Capability.MULTI_ADDRESS_SPACE) == 2,
                "no system management mode: one address space only");
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, PAGE);
        vm.slot(SMM_SPACE | 1, GPA + 64 * PAGE, PAGE);
        HostMemory handler = vm.slot(SMM_SPACE, SMM_BASE, SMM_SIZE);
        MemorySegment.copy(OUT, 0, handler.segment(), ValueLayout.JAVA_BYTE, SMM_ENTRY, OUT.length);
        t.expect(
                "pre-fault of address space 0 before",
                0,
                vcpu.preFault(GPA, PAGE).result());
        t.expect("KVM_SMI", 0, Trial.request(vcpu.file(), KvmIoctl.SMI, 0));
        Guest.Run run = Guest.bare(t, vcpu, handler).resume();
        t.expect("exit reason in the handler", ExitReason.IO, run.exitReason());
        t.expect(
                "pre-fault of address space 0", ENOENT, vcpu.preFault(GPA, PAGE).result());
        t.expect("of address space 1", 0, vcpu.preFault(GPA + 64 * PAGE, PAGE).result());
    }

    private static void privateRange(Trial t) {
        RawVm vm = t.privateVm();
        Guest guest = Guest.on(t, vm);
        GuestMemfdFile file = vm.guestMemfd(8 * PAGE, 0);
        t.must("memslot", vm.set2(Region.of(0, GPA, 8 * PAGE, file)));
        vm.makePrivate(GPA, 8 * PAGE);
        t.expectSame(
                "private range",
                new PreFaulted(0, GPA + 8 * PAGE, 0),
                guest.vcpu().preFault(GPA, 8 * PAGE));
        t.expect("pages_4k", 8, vm.statistics().value("pages_4k"));
        t.expectHex("sum of the guest's pages", 0, guest.readPages(GPA, 8 * PAGE));
    }

    private static void privateAndShared(Trial t) {
        RawVm vm = t.privateVm();
        Guest guest = Guest.on(t, vm);
        GuestMemfdFile file = vm.guestMemfd(8 * PAGE, 0);
        HostMemory memory = t.memory(8 * PAGE);
        t.store(memory, 0, 1);
        t.store(memory, 4 * PAGE, 2);
        t.must("memslot", vm.set2(Region.of(0, GPA, memory).withGuestMemfd(file.descriptor(), 0)));
        vm.makePrivate(GPA + 4 * PAGE, 4 * PAGE);
        t.expectSame(
                "both halves",
                new PreFaulted(0, GPA + 8 * PAGE, 0),
                guest.vcpu().preFault(GPA, 8 * PAGE));
        t.expect("pages_4k", 8, vm.statistics().value("pages_4k"));
        t.expectHex("shared page", 1, guest.read(GPA));
        t.expectHex("private page", 0, guest.read(GPA + 4 * PAGE));
    }

    private static void privateWithoutFile(Trial t) {
        RawVm vm = t.privateVm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, 4 * PAGE);
        vm.makePrivate(GPA + PAGE, PAGE);
        long page = GPA + PAGE;
        t.expectSame("pre-fault", new PreFaulted(-EFAULT.number(), page, PAGE), vcpu.preFault(page, PAGE));
        t.expect("exit reason", ExitReason.MEMORY_FAULT, vcpu.exitReason());
        t.expectSame(
                "memory fault",
                new Guest.MemoryFault(MemoryAttributesLayout.PRIVATE, page, PAGE),
                Guest.MemoryFault.of(vcpu));
    }
}
