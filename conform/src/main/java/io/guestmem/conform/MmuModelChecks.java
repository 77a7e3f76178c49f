package io.guestmem.conform;

import static io.guestmem.conform.CheckClass.MODEL;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.conform.ModelInspection.Place;
import io.guestmem.conform.RawVcpu.PreFaulted;
import java.time.Duration;
import java.util.List;
import java.util.Random;

/** The TDP MMU from inside: what happens between two steps of a fault, and which entries there are. */
final class MmuModelChecks {
    private static final long PAGE = Numbers.PAGE;
    private static final long GPA = Guest.FREE;
    private static final Duration A_WHILE = Duration.ofMillis(100);
    private static final int RANDOM_OPERATIONS = 500;
    private static final int GENERATION_BITS = 18;

    private MmuModelChecks() {}

    static List<Check> all() {
        String map = "tdp_mmu.c:kvm_tdp_mmu_map";
        return List.of(
                Check.of("MMU-07", "a frozen entry is waited for", map, MmuModelChecks::frozen, MODEL),
                Check.of("MMU-08", "two faults, one entry", map, MmuModelChecks::lostExchange, MODEL),
                Check.of(
                        "MMU-09",
                        "a page that went after it was looked up",
                        "mmu.c:is_page_fault_stale",
                        MmuModelChecks::staleFault,
                        MODEL),
                Check.of(
                        "MMU-10",
                        "what lies between two invalidations waits too",
                        "kvm_main.c:kvm_mmu_invalidate_range_add",
                        MmuModelChecks::betweenInvalidations,
                        MODEL),
                Check.of(
                        "MMU-11",
                        "a leaf never becomes a leaf of another frame",
                        "tdp_mmu.c:__handle_changed_spte",
                        MmuModelChecks::frames,
                        MODEL),
                Check.of(
                        "MMU-13",
                        "an invalid root lives until its vCPUs leave it",
                        "tdp_mmu.c:kvm_tdp_mmu_put_root",
                        MmuModelChecks::invalidRoot,
                        MODEL),
                Check.of(
                        "MMU-15",
                        "a generation that wraps zaps everything",
                        "mmu.c:kvm_mmu_invalidate_mmio_sptes",
                        MmuModelChecks::generationWraps,
                        MODEL),
                Check.of(
                        "MMU-19",
                        "statistics count the leaves",
                        "mmu.h:kvm_update_page_stats",
                        MmuModelChecks::leavesCounted,
                        MODEL));
    }

    /** A slot of 16 pages and a vCPU. */
    private record Memory(Trial t, RawVm vm, RawVcpu vcpu, HostMemory memory) {
        static Memory of(Trial t) {
            t.requireTdp();
            RawVm vm = t.vm();
            return new Memory(t, vm, vm.vcpu(0), vm.slot(0, GPA, 16 * PAGE));
        }

        Background<PreFaulted> preFault(long gpa) {
            return t.background("pre-fault", () -> vcpu.preFault(gpa, PAGE));
        }
    }

    private static void frozen(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        memory.vcpu.preFaultAll(GPA, PAGE);
        Background<PreFaulted> preFault;
        try (ModelInspection.Hold _ = model.freeze(memory.vm.file(), 0, GPA + PAGE)) {
            preFault = memory.preFault(GPA + PAGE);
            t.expect("it waits while the entry is frozen", true, preFault.isStillBusyAfter(A_WHILE));
        }
        t.expectSame("afterwards", new PreFaulted(0, GPA + 2 * PAGE, 0), preFault.result());
    }

    private static void lostExchange(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        RawVcpu second = memory.vm.vcpu(1);
        memory.vcpu.preFaultAll(GPA + PAGE, PAGE);
        long tables = model.tables(memory.vm.file());
        Background<PreFaulted> first;
        try (ModelInspection.Pause pause = model.pauseNext(memory.vm.file(), Place.BEFORE_EXCHANGE)) {
            first = memory.preFault(GPA);
            pause.await();
            t.expectSame("the second", new PreFaulted(0, GPA + PAGE, 0), second.preFault(GPA, PAGE));
        }
        t.expectSame("the first", new PreFaulted(0, GPA + PAGE, 0), first.result());
        t.expect("pages_4k", 2, memory.vm.statistics().value("pages_4k"));
        t.expect("tables more", 0, model.tables(memory.vm.file()) - tables);
    }

    private static void staleFault(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        Guest guest = Guest.on(t, memory.vm, 1);
        t.store(memory.memory, 0, 0x01D);
        Background<PreFaulted> preFault;
        try (ModelInspection.Pause pause = model.pauseNext(memory.vm.file(), Place.PAGE_LOOKED_UP)) {
            preFault = memory.preFault(GPA);
            pause.await();
            t.must("madvise", memory.memory.advise(HostAdvice.DONT_NEED, 0, PAGE));
            t.store(memory.memory, 0, 0x4E4);
        }
        t.expectSame("pre-fault", new PreFaulted(0, GPA + PAGE, 0), preFault.result());
        t.expectHex("guest reads", 0x4E4, guest.read(GPA));
    }

    private static void betweenInvalidations(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        long hva = memory.memory.hva();
        Background<PreFaulted> between;
        try (ModelInspection.Hold _ = model.openInvalidation(memory.vm.file(), hva, PAGE);
                ModelInspection.Hold second = model.openInvalidation(memory.vm.file(), hva + 12 * PAGE, PAGE)) {
            between = memory.preFault(GPA + 6 * PAGE);
            t.expect("it waits for both", true, between.isStillBusyAfter(A_WHILE));
            second.release();
            t.expect("it waits for the other", true, between.isStillBusyAfter(A_WHILE));
        }
        t.expectSame("afterwards", new PreFaulted(0, GPA + 7 * PAGE, 0), between.result());
    }

    private static void frames(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        Random random = new Random(11);
        for (int i = 0; i < RANDOM_OPERATIONS; i++) {
            randomOperation(memory, random);
        }
        t.expect("leaves that changed their frame", 0, model.changedFrames(memory.vm.file()));
    }

    private static void randomOperation(Memory memory, Random random) {
        long page = random.nextInt(16) * PAGE;
        switch (random.nextInt(4)) {
            case 0 -> memory.t.must("madvise", memory.memory.advise(HostAdvice.DONT_NEED, page, PAGE));
            case 1 -> memory.t.store(memory.memory, page, page);
            case 2 -> memory.vcpu.preFaultAll(GPA + page, PAGE);
            default -> {
                Region region = Region.of(0, GPA, memory.memory);
                memory.t.must("logging", memory.vm.set(region.withFlags(random.nextInt(2) * Region.LOG)));
            }
        }
    }

    private static void invalidRoot(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        memory.vm.slot(1, GPA + 64 * PAGE, PAGE);
        memory.vcpu.preFaultAll(GPA, PAGE);
        t.expectSame(
                "roots",
                List.of(true),
                model.roots(memory.vm.file()).stream()
                        .map(ModelInspection.Root::valid)
                        .toList());
        t.must("delete", memory.vm.delete(1));
        t.expectSame(
                "roots after a deletion", List.of(new ModelInspection.Root(false, 1)), model.roots(memory.vm.file()));
        memory.vcpu.preFaultAll(GPA, PAGE);
        t.expectSame(
                "roots after the next fault",
                List.of(true),
                model.roots(memory.vm.file()).stream()
                        .map(ModelInspection.Root::valid)
                        .toList());
    }

    private static void generationWraps(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        HostMemory other = memory.vm.slot(1, GPA + 64 * PAGE, PAGE);
        memory.vcpu.preFaultAll(GPA, 4 * PAGE);
        Region region = Region.of(1, GPA + 64 * PAGE, other);
        boolean logging = true;
        long spaces = Math.max(1, memory.vm.capability(Capability.MULTI_ADDRESS_SPACE));
        while (((model.generation(memory.vm.file(), 0) + spaces) & ((1 << GENERATION_BITS) - 1)) >= spaces) {
            t.must("logging", memory.vm.set(region.withFlags(logging ? Region.LOG : 0)));
            logging = !logging;
        }
        t.expect("pages_4k before", 4, memory.vm.statistics().value("pages_4k"));
        t.must("logging", memory.vm.set(region.withFlags(logging ? Region.LOG : 0)));
        t.expect("pages_4k after", 0, memory.vm.statistics().value("pages_4k"));
    }

    private static void leavesCounted(Trial t) {
        ModelInspection model = t.model();
        Memory memory = Memory.of(t);
        HugeBlock block = HugeBlock.of(t);
        t.must("memslot", memory.vm.set(Region.of(1, Numbers.GIB, Numbers.HUGE, block.hva())));
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < RANDOM_OPERATIONS; i++) {
            randomOperation(memory, random);
            if (i % 7 == 0) {
                memory.vcpu.preFaultAll(Numbers.GIB + random.nextInt(512) * PAGE, PAGE);
                t.must(
                        "logging",
                        memory.vm.set(Region.of(1, Numbers.GIB, Numbers.HUGE, block.hva())
                                .withFlags(random.nextInt(2) * Region.LOG)));
            }
            Statistics statistics = memory.vm.statistics();
            for (int level = 1; level <= 3; level++) {
                String name = List.of("pages_4k", "pages_2m", "pages_1g").get(level - 1);
                long leaves = model.leaves(memory.vm.file(), level);
                if (leaves != statistics.value(name)) {
                    throw new MismatchException(
                            name + ", seed " + seed + ", operation " + i,
                            Long.toString(leaves),
                            Long.toString(statistics.value(name)));
                }
            }
        }
        t.expect("operations", RANDOM_OPERATIONS, RANDOM_OPERATIONS);
    }
}
