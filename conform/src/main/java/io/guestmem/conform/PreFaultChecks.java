package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.ENOENT;
import static io.guestmem.abi.ErrorNumber.EOPNOTSUPP;
import static io.guestmem.conform.CheckClass.REAL;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.conform.RawVcpu.PreFaulted;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;

/** {@code KVM_PRE_FAULT_MEMORY}: arguments, ranges, partial progress. */
final class PreFaultChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long HUGE = Numbers.HUGE;
    private static final long GPA = Guest.FREE;

    /** An exit reason that no kernel gives. */
    private static final int UNTOUCHED = 0x55;

    private static final int RANDOM_CALLS = 400;

    private PreFaultChecks() {}

    static List<Check> all() {
        String outer = "kvm_main.c:kvm_vcpu_pre_fault_memory";
        String step = "mmu.c:kvm_arch_vcpu_pre_fault_memory";
        String test = "selftests: pre_fault_memory_test.c";
        String noSlot = "mmu.c:kvm_handle_noslot_fault";
        return List.of(
                Check.of("PF-01", "a flag is refused", outer, PreFaultChecks::flag, REAL),
                Check.of("PF-02", "ranges that are refused", outer, PreFaultChecks::ranges, REAL),
                Check.of("PF-03", "padding is ignored", outer, PreFaultChecks::padding, REAL),
                Check.of(
                        "PF-04",
                        "pointers that are refused",
                        "kvm_main.c:kvm_vcpu_ioctl",
                        PreFaultChecks::pointers,
                        REAL),
                Check.of("PF-05", "no TDP", "mmu.c:kvm_tdp_page_prefault", PreFaultChecks::withoutTdp, REAL),
                Check.of("PF-06", "a flag comes before no TDP", outer, PreFaultChecks::flagWithoutTdp, REAL),
                Check.of("PF-07", "a whole range", test, PreFaultChecks::wholeRange, TDP),
                Check.of("PF-08", "a range beyond the slot", test, PreFaultChecks::beyondTheSlot, TDP),
                Check.of("PF-09", "a range outside", test, PreFaultChecks::outside, TDP),
                Check.of("PF-10", "a range across a gap", outer, PreFaultChecks::acrossAGap, TDP),
                Check.of("PF-11", "a range across two slots", step, PreFaultChecks::acrossTwoSlots, TDP),
                Check.of("PF-12", "a gap becomes an MMIO entry", noSlot, PreFaultChecks::mmioEntry, TDP),
                Check.of("PF-14", "immediate_exit is not looked at", outer, PreFaultChecks::immediateExit, TDP),
                Check.of(
                        "PF-15",
                        "host memory that is not there",
                        "mmu.c:kvm_handle_error_pfn",
                        PreFaultChecks::noHostMemory,
                        TDP),
                Check.of(
                        "PF-35",
                        "before anything else was done",
                        "mmu.c:kvm_mmu_reload",
                        PreFaultChecks::beforeAnything,
                        TDP),
                Check.of("PF-44", "beyond the last page frame", noSlot, PreFaultChecks::beyondTheLastFrame, TDP),
                Check.of("PF-45", "an error after progress is told next time", outer, PreFaultChecks::errorLater, TDP),
                Check.of("PF-46", "progress or an error, never both", test, PreFaultChecks::progressOrError, TDP));
    }

    private static void flag(Trial t) {
        t.expectSame(
                "flags 1",
                new PreFaulted(-EINVAL.number(), GPA, PAGE),
                t.vm().vcpu(0).preFault(GPA, PAGE, 1));
    }

    private static void ranges(Trial t) {
        RawVcpu vcpu = t.vm().vcpu(0);
        t.expect("gpa + 1", EINVAL, vcpu.preFault(GPA + 1, PAGE).result());
        t.expect("size + 1", EINVAL, vcpu.preFault(GPA, PAGE + 1).result());
        t.expect("size 0", EINVAL, vcpu.preFault(GPA, 0).result());
        t.expect("gpa + size is 2^64", EINVAL, vcpu.preFault(-PAGE, PAGE).result());
    }

    private static boolean hasTdp(Trial t) {
        return t.capability(Capability.PRE_FAULT_MEMORY) == 1;
    }

    private static void padding(Trial t) {
        RawVm vm = t.vm();
        vm.slot(0, GPA, PAGE);
        MemorySegment struct = t.struct(PreFaultMemoryLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, GPA);
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, PAGE);
        struct.asSlice(PreFaultMemoryLayout.PADDING).fill((byte) 0x5A);
        long expected = hasTdp(t) ? 0 : -EOPNOTSUPP.number();
        t.expect("padding of 0x5a", expected, vm.vcpu(0).preFault(struct).result());
        t.expectHex("padding afterwards", 0x5A5A5A5A5A5A5A5AL, struct.get(ValueLayout.JAVA_LONG, 24));
    }

    private static void pointers(Trial t) {
        t.requirePreFault();
        RawVcpu vcpu = t.vm().vcpu(0);
        int request = KvmIoctl.PRE_FAULT_MEMORY.code();
        t.expect("null", EFAULT, vcpu.file().ioctl(request, 0));
        HostMemory page = t.memory(PAGE);
        t.store(page, PreFaultMemoryLayout.SIZE, PAGE);
        t.store(page, PreFaultMemoryLayout.FLAGS, 1);
        t.expect("a struct with flags 1", EINVAL, vcpu.file().ioctl(request, page.hva()));
        t.must("mprotect", page.protect(HostProtection.READ, 0, PAGE));
        t.expect("the same, read-only", EFAULT, vcpu.file().ioctl(request, page.hva()));
    }

    private static void withoutTdp(Trial t) {
        Trial.require(!hasTdp(t), "TDP is on: KVM_CAP_PRE_FAULT_MEMORY is 1");
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, PAGE);
        vcpu.presetExitReason(UNTOUCHED);
        t.expectSame("a page", new PreFaulted(-EOPNOTSUPP.number(), GPA, PAGE), vcpu.preFault(GPA, PAGE));
        t.expect("exit reason", UNTOUCHED, vcpu.exitReason());
    }

    private static void flagWithoutTdp(Trial t) {
        Trial.require(!hasTdp(t), "TDP is on: KVM_CAP_PRE_FAULT_MEMORY is 1");
        t.expect("flags 1", EINVAL, t.vm().vcpu(0).preFault(GPA, PAGE, 1).result());
    }

    private static void wholeRange(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        vm.slot(0, GPA, HUGE + PAGE);
        t.expectSame("2 MiB", new PreFaulted(0, GPA + HUGE, 0), vm.vcpu(0).preFault(GPA, HUGE));
    }

    private static void beyondTheSlot(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, HUGE + PAGE);
        long last = GPA + HUGE;
        t.expectSame("the last page and one more", new PreFaulted(0, last + PAGE, PAGE), vcpu.preFault(last, 2 * PAGE));
        t.expectSame("the rest", new PreFaulted(-ENOENT.number(), last + PAGE, PAGE), vcpu.preFault(last + PAGE, PAGE));
    }

    private static void outside(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        vm.slot(0, GPA, HUGE + PAGE);
        long behind = GPA + HUGE + PAGE;
        t.expectSame(
                "behind the slot",
                new PreFaulted(-ENOENT.number(), behind, PAGE),
                vm.vcpu(0).preFault(behind, PAGE));
    }

    private static void acrossAGap(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, 4 * PAGE);
        vm.slot(1, GPA + 8 * PAGE, 4 * PAGE);
        t.expectSame("across", new PreFaulted(0, GPA + 4 * PAGE, 8 * PAGE), vcpu.preFault(GPA, 12 * PAGE));
        t.expect(
                "from the gap on",
                ENOENT,
                vcpu.preFault(GPA + 4 * PAGE, 8 * PAGE).result());
    }

    private static void acrossTwoSlots(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        vm.slot(0, GPA, 4 * PAGE);
        vm.slot(1, GPA + 4 * PAGE, 4 * PAGE);
        t.expectSame("both", new PreFaulted(0, GPA + 8 * PAGE, 0), vm.vcpu(0).preFault(GPA, 8 * PAGE));
    }

    private static void mmioEntry(Trial t) {
        t.requireTdp();
        Guest guest = Guest.on(t, t.vm());
        guest.warmUp();
        Statistics statistics = guest.vcpu().statistics();
        long before = statistics.value("pf_mmio_spte_created");
        t.expect("pre-fault", ENOENT, guest.vcpu().preFault(GPA, PAGE).result());
        t.expect("MMIO entries made", 1, statistics.value("pf_mmio_spte_created") - before);
        long taken = statistics.value("pf_taken");
        Guest.Run run = guest.tryRead(GPA);
        t.expect("KVM_RUN", 0, run.result());
        t.expect("exit reason", ExitReason.MMIO, run.exitReason());
        t.expect("MMIO entries made", 1, statistics.value("pf_mmio_spte_created") - before);
        t.expect("faults that the access took", 0, statistics.value("pf_taken") - taken);
    }

    private static void immediateExit(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, PAGE);
        vcpu.run().set(ValueLayout.JAVA_BYTE, io.guestmem.abi.RunLayout.IMMEDIATE_EXIT, (byte) 1);
        t.expectSame("a page", new PreFaulted(0, GPA + PAGE, 0), vcpu.preFault(GPA, PAGE));
    }

    private static void noHostMemory(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        HostMemory memory = vm.slot(0, GPA, 4 * PAGE);
        t.must("mprotect", memory.protect(HostProtection.NONE, 0, PAGE));
        t.must("munmap", memory.unmap(2 * PAGE, PAGE));
        vcpu.presetExitReason(UNTOUCHED);
        t.expectSame("PROT_NONE", new PreFaulted(-EFAULT.number(), GPA, PAGE), vcpu.preFault(GPA, PAGE));
        long hole = GPA + 2 * PAGE;
        t.expectSame("unmapped", new PreFaulted(-EFAULT.number(), hole, PAGE), vcpu.preFault(hole, PAGE));
        t.expect("exit reason", UNTOUCHED, vcpu.exitReason());
        t.expect("between the two", 0, vcpu.preFault(GPA + PAGE, PAGE).result());
    }

    private static void beforeAnything(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, 4 * PAGE);
        t.expectSame("no CPUID, no run", new PreFaulted(0, GPA + 4 * PAGE, 0), vcpu.preFault(GPA, 4 * PAGE));
        t.expect("mapped pages", 4, vm.statistics().mappedPages());
    }

    private static void beyondTheLastFrame(Trial t) {
        t.requireTdp();
        Trial.require(t.guestPhysicalBits() < 52, "physical addresses have all 52 bits");
        RawVcpu vcpu = t.vm().vcpu(0);
        Statistics statistics = vcpu.statistics();
        t.expect(
                "pre-fault",
                ENOENT,
                vcpu.preFault(1L << t.guestPhysicalBits(), PAGE).result());
        t.expect("MMIO entries made", 0, statistics.value("pf_mmio_spte_created"));
    }

    private static void errorLater(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        HostMemory memory = vm.slot(0, GPA, 8 * PAGE);
        t.must("munmap", memory.unmap(3 * PAGE, PAGE));
        long hole = GPA + 3 * PAGE;
        t.expectSame("8 pages, the fourth unmapped", new PreFaulted(0, hole, 5 * PAGE), vcpu.preFault(GPA, 8 * PAGE));
        t.expectSame("the rest", new PreFaulted(-EFAULT.number(), hole, 5 * PAGE), vcpu.preFault(hole, 5 * PAGE));
        t.expect("mapped pages", 3, vm.statistics().mappedPages());
    }

    private static void progressOrError(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, 16 * PAGE);
        vm.slot(1, GPA + 32 * PAGE, 16 * PAGE).unmap(4 * PAGE, PAGE);
        long seed = System.nanoTime();
        Random random = new Random(seed);
        int progress = 0;
        for (int i = 0; i < RANDOM_CALLS; i++) {
            long gpa = GPA + random.nextInt(-8, 56) * PAGE + (random.nextInt(10) == 0 ? 1 : 0);
            long size = random.nextInt(0, 24) * PAGE + (random.nextInt(10) == 0 ? 1 : 0);
            PreFaulted answer = vcpu.preFault(gpa, size);
            boolean moved = answer.left() < size && answer.gpa() - gpa == size - answer.left();
            boolean same = answer.left() == size && answer.gpa() == gpa;
            if (!(answer.result() == 0 ? moved : same)) {
                throw new MismatchException(
                        "seed " + seed + ", call " + i + ", gpa 0x" + Long.toHexString(gpa) + " size " + size,
                        "progress or an error",
                        answer.toString());
            }
            progress += moved ? 1 : 0;
        }
        t.expect("some calls made progress, some did not", true, progress > 0 && progress < RANDOM_CALLS);
    }
}
