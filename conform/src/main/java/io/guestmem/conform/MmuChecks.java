package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.ENOENT;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The TDP MMU as its statistics show it: huge pages, dirty logging, shared roots, MMIO entries. */
final class MmuChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long HUGE = Numbers.HUGE;
    private static final long GPA = Guest.FREE;

    private MmuChecks() {}

    static List<Check> all() {
        String flags = "mmu.c:kvm_mmu_slot_apply_flags";
        String fast = "mmu.c:fast_page_fault";
        return List.of(
                Check.of(
                        "MMU-01",
                        "a page that goes takes the huge page with it",
                        "tdp_mmu.c:tdp_mmu_zap_leafs",
                        MmuChecks::partOfHuge,
                        TDP,
                        MODEL),
                Check.of("MMU-02", "logging splits huge pages", flags, MmuChecks::loggingSplits, TDP),
                Check.of(
                        "MMU-03",
                        "the end of logging makes them whole",
                        "tdp_mmu.c:recover_huge_pages_range",
                        MmuChecks::endOfLogging,
                        TDP),
                Check.of("MMU-04", "all dirty at first: split when cleared", flags, MmuChecks::splitWhenCleared, TDP),
                Check.of("MMU-05", "logging of a read-only slot", flags, MmuChecks::readOnlyLogging, TDP, MODEL),
                Check.of(
                        "MMU-06",
                        "small pages at head and tail of a slot",
                        "x86.c:kvm_alloc_memslot_metadata",
                        MmuChecks::headAndTail,
                        TDP),
                Check.of(
                        "MMU-12",
                        "vCPUs of one role share their tables",
                        "tdp_mmu.c:kvm_tdp_mmu_alloc_root",
                        MmuChecks::sharedRoot,
                        TDP,
                        MODEL),
                Check.of(
                        "MMU-14",
                        "a memslot over an MMIO entry",
                        "mmu.c:check_mmio_spte",
                        MmuChecks::slotOverMmio,
                        TDP,
                        MODEL),
                Check.of(
                        "MMU-16",
                        "a huge page that is executed is split",
                        "mmu.c:disallowed_hugepage_adjust",
                        MmuChecks::executedHuge,
                        TDP,
                        MODEL),
                Check.of(
                        "MMU-17",
                        "without accessed bits an access faults",
                        fast,
                        MmuChecks::accessTracking,
                        TDP,
                        MODEL),
                Check.of("MMU-18", "a write after logging was read is dirty", fast, MmuChecks::dirtyAgain, TDP, MODEL));
    }

    /** A slot of one huge page, mapped. */
    private record Huge(Trial t, RawVm vm, RawVcpu vcpu, HugeBlock block, Region region) {
        static Huge mapped(Trial t, RawVm vm, int flags) {
            HugeBlock block = HugeBlock.of(t);
            Region region = Region.of(0, GPA, HUGE, block.hva()).withFlags(flags);
            t.must("memslot", vm.set(region));
            RawVcpu vcpu = vm.vcpu(0);
            vcpu.preFaultAll(GPA, HUGE);
            Huge huge = new Huge(t, vm, vcpu, block, region);
            huge.expect("mapped", 1, 0);
            return huge;
        }

        static Huge mapped(Trial t) {
            t.requireTdp();
            return mapped(t, t.vm(), 0);
        }

        void expect(String what, long huge, long small) {
            Statistics statistics = vm.statistics();
            t.expect(what + ", pages_2m", huge, statistics.value("pages_2m"));
            t.expect(what + ", pages_4k", small, statistics.value("pages_4k"));
        }

        void log(boolean on) {
            t.must("logging", vm.set(region.withFlags(region.flags() | (on ? Region.LOG : 0))));
        }
    }

    private static void partOfHuge(Trial t) {
        Huge huge = Huge.mapped(t);
        t.must("madvise", huge.block.memory().advise(HostAdvice.DONT_NEED, huge.block.offset() + 7 * PAGE, PAGE));
        huge.expect("one page dropped by the host", 0, 0);
    }

    private static void loggingSplits(Trial t) {
        Huge huge = Huge.mapped(t);
        huge.log(true);
        huge.expect("logging", 0, 512);
    }

    private static void endOfLogging(Trial t) {
        Huge huge = Huge.mapped(t);
        huge.log(true);
        huge.log(false);
        // 6.12 zaps the small pages and leaves it to the next fault; known of 6.12 and of 7.2.
        Answer expected = Answer.of(0).since(6, 13, 1);
        t.expect("not logging, pages_2m", expected, huge.vm.statistics().value("pages_2m"));
        t.expect("pages_4k", 0, huge.vm.statistics().value("pages_4k"));
    }

    private static void splitWhenCleared(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        t.must("initially set", vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 0, 3));
        Huge huge = Huge.mapped(t, vm, 0);
        huge.log(true);
        huge.expect("logging", 1, 0);
        MemorySegment bitmap = t.struct(8);
        bitmap.set(ValueLayout.JAVA_LONG, 0, 2);
        t.expect("clear one page", 0, vm.clearDirtyLog(0, 0, 64, t.pointer(bitmap)));
        huge.expect("cleared", 0, 512);
    }

    private static void readOnlyLogging(Trial t) {
        t.requireTdp();
        Huge huge = Huge.mapped(t, t.vm(), Region.READONLY);
        huge.log(true);
        huge.expect("logging", 1, 0);
    }

    private static void headAndTail(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        HugeBlock block = HugeBlock.of(t, 3);
        long size = 3 * HUGE - 2 * PAGE;
        t.must("memslot", vm.set(Region.of(0, GPA + PAGE, size, block.hva() + PAGE)));
        vm.vcpu(0).preFaultAll(GPA + PAGE, size);
        t.expect("pages_2m", 1, vm.statistics().value("pages_2m"));
        t.expect("pages_4k", 2 * 511, vm.statistics().value("pages_4k"));
    }

    private static void sharedRoot(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        vm.slot(0, GPA, 16 * PAGE);
        vm.vcpu(0).preFaultAll(GPA, 16 * PAGE);
        long mapped = vm.statistics().mappedPages();
        RawVcpu second = vm.vcpu(1);
        second.preFaultAll(GPA, 16 * PAGE);
        t.expect("pages more after the second vCPU", 0, vm.statistics().mappedPages() - mapped);
        t.on().model()
                .ifPresent(model -> t.expect("roots", 1, model.roots(vm.file()).size()));
    }

    private static void slotOverMmio(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        t.expect("pre-fault", ENOENT, guest.vcpu().preFault(GPA, PAGE).result());
        HostMemory memory = t.memory(PAGE);
        t.store(memory, 0, 0x77);
        t.must("memslot", vm.set(Region.of(0, GPA, memory)));
        t.expectHex("guest reads", 0x77, guest.read(GPA));
    }

    private static void executedHuge(Trial t) {
        t.requireTdp();
        Trial.require(
                t.on().host().nxHugePages().orElse(false), "the mitigation that splits executed huge pages is off");
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        HugeBlock block = HugeBlock.of(t);
        t.must("memslot", vm.set(Region.of(0, GPA, HUGE, block.hva())));
        t.store(block.memory(), block.offset(), Guest.DONE);
        guest.vcpu().preFaultAll(GPA, HUGE);
        t.expect("pages_2m", 1, vm.statistics().value("pages_2m"));
        t.expect("guest runs there", true, guest.execute(GPA).done());
        t.expect("pages_2m", 0, vm.statistics().value("pages_2m"));
        t.expect("nx_lpage_splits", 1, vm.statistics().value("nx_lpage_splits"));
    }

    private static void accessTracking(Trial t) {
        t.requireTdp();
        Trial.require(
                !t.on().host().accessedDirtyBits().orElse(true), "this host's processor sets accessed bits in stage 2");
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        guest.warmUp();
        vm.slot(0, GPA, PAGE);
        guest.vcpu().preFaultAll(GPA, PAGE);
        Statistics statistics = guest.vcpu().statistics();
        long before = statistics.value("pf_fast");
        guest.read(GPA);
        t.expect("pf_fast", 1, statistics.value("pf_fast") - before);
    }

    private static void dirtyAgain(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        Region region = Region.of(0, GPA, t.memory(64 * PAGE)).withFlags(Region.LOG);
        t.must("memslot", vm.set(region));
        guest.write(GPA + 5 * PAGE, 1);
        t.expectHex("dirty after a write", 1 << 5, vm.dirtyWord(0, 64));
        t.expectHex("dirty after it was told", 0, vm.dirtyWord(0, 64));
        guest.write(GPA + 5 * PAGE, 2);
        t.expectHex("dirty after another write", 1 << 5, vm.dirtyWord(0, 64));
    }
}
