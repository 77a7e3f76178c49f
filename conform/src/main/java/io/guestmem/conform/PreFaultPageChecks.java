package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.ENOENT;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.HostMemory;
import io.guestmem.conform.RawVcpu.PreFaulted;
import java.util.List;

/** {@code KVM_PRE_FAULT_MEMORY}: which entries it makes, and what the guest's accesses cost afterwards. */
final class PreFaultPageChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long HUGE = Numbers.HUGE;
    private static final long GPA = Guest.FREE;

    private static final List<String> FAULTS =
            List.of("pf_taken", "pf_fixed", "pf_spurious", "pf_emulate", "pf_fast", "pf_guest");

    private PreFaultPageChecks() {}

    static List<Check> all() {
        String lookup = "kvm_main.c:hva_to_pfn";
        String step = "mmu.c:kvm_arch_vcpu_pre_fault_memory";
        String spte = "spte.c:make_spte";
        String map = "tdp_mmu.c:tdp_mmu_map_handle_target_level";
        return List.of(
                Check.of("PF-16", "an untouched page is read-only", lookup, PreFaultPageChecks::untouched, TDP),
                Check.of("PF-17", "a written page is writable", lookup, PreFaultPageChecks::written, TDP),
                Check.of("PF-18", "a page shared by fork stays shared", lookup, PreFaultPageChecks::forked, TDP),
                Check.of("PF-19", "read-only memslots too", lookup, PreFaultPageChecks::readOnlySlot, TDP),
                Check.of("PF-20", "it never makes an entry writable", map, PreFaultPageChecks::noUpgrade, TDP, MODEL),
                Check.of("PF-21", "it counts pages, not faults", step, PreFaultPageChecks::statistics, TDP),
                Check.of("PF-22", "a huge page for a small request", step, PreFaultPageChecks::hugeForSmall, TDP),
                Check.of("PF-23", "steps end at the end of the entry", step, PreFaultPageChecks::steps, TDP, MODEL),
                Check.of(
                        "PF-24",
                        "no huge page where gpa and hva differ below it",
                        "x86.c:kvm_alloc_memslot_metadata",
                        PreFaultPageChecks::misaligned,
                        TDP),
                Check.of("PF-25", "a writable page is dirty", spte, PreFaultPageChecks::dirty, TDP),
                Check.of("PF-26", "a read-only page is not", spte, PreFaultPageChecks::notDirty, TDP),
                Check.of("PF-27", "nobody has accessed it", spte, PreFaultPageChecks::accessed, MODEL),
                Check.of("PF-43", "a table gives way to a huge page", map, PreFaultPageChecks::collapse, TDP, MODEL));
    }

    /** A guest that needs nothing any more but its data, and a counter of its faults. */
    private record Warm(RawVm vm, Guest guest, Statistics faults) {
        static Warm of(Trial t) {
            t.requireTdp();
            RawVm vm = t.vm();
            Guest guest = Guest.on(t, vm);
            guest.warmUp();
            return new Warm(vm, guest, guest.vcpu().statistics());
        }

        /** Faults that it takes to write a page. */
        long write(long gpa) {
            long before = faults.value("pf_fixed");
            guest.write(gpa, 0x77);
            return faults.value("pf_fixed") - before;
        }

        /** Faults that it takes to read a page. */
        long read(long gpa) {
            long before = faults.value("pf_fixed");
            guest.read(gpa);
            return faults.value("pf_fixed") - before;
        }
    }

    private static void untouched(Trial t) {
        Warm warm = Warm.of(t);
        warm.vm.slot(0, GPA, PAGE);
        warm.guest.vcpu().preFaultAll(GPA, PAGE);
        t.expect("faults of a read", t.tracksAccess() ? 1 : 0, warm.read(GPA));
        t.expect("faults of a write", 1, warm.write(GPA));
    }

    private static void written(Trial t) {
        Warm warm = Warm.of(t);
        t.store(warm.vm.slot(0, GPA, PAGE), 0, 1);
        warm.guest.vcpu().preFaultAll(GPA, PAGE);
        t.expect("faults of a write", t.tracksAccess() ? 1 : 0, warm.write(GPA));
    }

    private static void forked(Trial t) {
        Warm warm = Warm.of(t);
        HostMemory memory = warm.vm.slot(0, GPA, PAGE);
        t.store(memory, 0, 0x11);
        t.own(t.require(t.on().host().fork(), "a JVM cannot fork"));
        warm.guest.warmUp();
        warm.guest.vcpu().preFaultAll(GPA, PAGE);
        t.expect("faults of a read", t.tracksAccess() ? 1 : 0, warm.read(GPA));
        t.expect("faults of a write", 1, warm.write(GPA));
    }

    private static void readOnlySlot(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        HostMemory memory = t.memory(2 * PAGE);
        t.store(memory, 0, 1);
        t.must("memslot", vm.set(Region.of(0, GPA, memory).withFlags(Region.READONLY)));
        t.expectSame(
                "both pages", new PreFaulted(0, GPA + 2 * PAGE, 0), vm.vcpu(0).preFault(GPA, 2 * PAGE));
        t.expect("mapped pages", 2, vm.statistics().mappedPages());
    }

    /** Two pages whose host entries are read-only though they may be written: one to try that, one for the check. */
    private static void noUpgrade(Trial t) {
        Warm warm = Warm.of(t);
        HostMemory memory = warm.vm.slot(0, GPA, 2 * PAGE);
        t.store(memory, 0, 1);
        t.store(memory, PAGE, 1);
        t.own(t.require(t.on().host().writeProtect(memory), "no userfaultfd with asynchronous write-protection here"));
        warm.guest.warmUp();
        warm.guest.vcpu().preFaultAll(GPA, 2 * PAGE);
        Trial.require(warm.write(GPA) == 1, "the host did not make its entries read-only");
        t.store(memory, PAGE, 2);
        warm.guest.vcpu().preFaultAll(GPA + PAGE, PAGE);
        // Known of 6.12, which puts a writable entry in its place, and of 7.2; which release in between changed it was
        // not seen.
        Answer expected = Answer.of(0).since(6, 14, 1);
        t.expect("faults of a write after the second pre-fault", expected, warm.write(GPA + PAGE));
    }

    private static void statistics(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, 64 * PAGE);
        vcpu.preFaultAll(GPA, 64 * PAGE);
        Statistics ofVcpu = vcpu.statistics();
        for (String fault : FAULTS) {
            t.expect(fault, 0, ofVcpu.value(fault));
        }
        t.expect("pages_4k", 64, vm.statistics().value("pages_4k"));
    }

    /** A slot of exactly one huge page of the host. */
    private record Huge(RawVm vm, RawVcpu vcpu, Statistics statistics) {
        static Huge of(Trial t) {
            t.requireTdp();
            RawVm vm = t.vm();
            HugeBlock block = HugeBlock.of(t);
            t.must("memslot", vm.set(Region.of(0, GPA, HUGE, block.hva())));
            return new Huge(vm, vm.vcpu(0), vm.statistics());
        }
    }

    private static void hugeForSmall(Trial t) {
        Huge huge = Huge.of(t);
        t.expectSame("one page", new PreFaulted(0, GPA + PAGE, 0), huge.vcpu.preFault(GPA, PAGE));
        t.expect("pages_2m", 1, huge.statistics.value("pages_2m"));
        t.expect("pages_4k", 0, huge.statistics.value("pages_4k"));
    }

    private static void steps(Trial t) {
        Huge huge = Huge.of(t);
        t.expectSame(
                "2 MiB from the second page on",
                new PreFaulted(0, GPA + HUGE, PAGE),
                huge.vcpu.preFault(GPA + PAGE, HUGE));
        t.expect("the rest", ENOENT, huge.vcpu.preFault(GPA + HUGE, PAGE).result());
        t.expect("pages_2m", 1, huge.statistics.value("pages_2m"));
    }

    private static void misaligned(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        HugeBlock block = HugeBlock.of(t);
        t.must("memslot", vm.set(Region.of(0, GPA + PAGE, HUGE, block.hva())));
        vm.vcpu(0).preFaultAll(GPA + PAGE, HUGE);
        t.expect("pages_2m", 0, vm.statistics().value("pages_2m"));
        t.expect("pages_4k", 512, vm.statistics().value("pages_4k"));
    }

    private static long dirtyAfterPreFault(Trial t, boolean written) {
        t.requireTdp();
        RawVm vm = t.vm();
        HostMemory memory = t.memory(64 * PAGE);
        if (written) {
            t.store(memory, 3 * PAGE, 1);
        }
        t.must("memslot", vm.set(Region.of(0, GPA, memory).withFlags(Region.LOG)));
        vm.vcpu(0).preFaultAll(GPA + 3 * PAGE, PAGE);
        t.expect("pages_4k", 1, vm.statistics().value("pages_4k"));
        return vm.dirtyWord(0, 64);
    }

    private static void dirty(Trial t) {
        // An entry that tracks accesses is not writable before the first one.
        t.expectHex("dirty pages", t.tracksAccess() ? 0 : 1 << 3, dirtyAfterPreFault(t, true));
    }

    private static void notDirty(Trial t) {
        t.expectHex("dirty pages", 0, dirtyAfterPreFault(t, false));
    }

    private static void accessed(Trial t) {
        ModelInspection model = t.model();
        Warm warm = Warm.of(t);
        t.store(warm.vm.slot(0, GPA, PAGE), 0, 1);
        warm.guest.vcpu().preFaultAll(GPA, PAGE);
        t.expect(
                "accessed after the pre-fault",
                false,
                model.leaf(warm.vm.file(), 0, GPA).accessed());
        warm.guest.read(GPA);
        t.expect(
                "accessed after a read",
                true,
                model.leaf(warm.vm.file(), 0, GPA).accessed());
    }

    private static void collapse(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        RawVcpu vcpu = vm.vcpu(0);
        HugeBlock block = HugeBlock.small(t, 1);
        t.must("memslot", vm.set(Region.of(0, GPA, HUGE, block.hva())));
        vcpu.preFaultAll(GPA, 16 * PAGE);
        Statistics statistics = vm.statistics();
        t.expect("pages_4k", 16, statistics.value("pages_4k"));
        block.requireHuge();
        vcpu.preFaultAll(GPA, PAGE);
        t.expect("pages_2m", 1, statistics.value("pages_2m"));
        t.expect("pages_4k", 0, statistics.value("pages_4k"));
    }
}
