package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EEXIST;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.REAL;
import static io.guestmem.conform.CheckClass.TDP;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostMemory;
import java.time.Duration;
import java.util.List;

/** Memslots of ordinary memory: which are accepted, and what a change does. */
final class SlotChecks {
    private static final long GPA = Guest.FREE;
    private static final long PAGE = Numbers.PAGE;
    private static final int SLOTS = 32764;

    /** {@code KVM_X86_QUIRK_SLOT_ZAP_ALL}. */
    private static final long SLOT_ZAP_ALL = 1 << 7;

    private SlotChecks() {}

    static List<Check> all() {
        String set = "kvm_main.c:kvm_set_memory_region";
        String flush = "mmu.c:kvm_arch_flush_shadow_memslot";
        String swap = "kvm_main.c:kvm_swap_active_memslots";
        return List.of(
                Check.of("SLOT-01", "what is not page aligned is refused", set, SlotChecks::unaligned, REAL),
                Check.of(
                        "SLOT-02",
                        "the first request knows two flags",
                        "kvm_main.c:kvm_vm_ioctl",
                        SlotChecks::flagsOfTheFirst,
                        REAL),
                Check.of(
                        "SLOT-03",
                        "the last slot is 32763",
                        "kvm_main.c:kvm_vm_ioctl_set_memory_region",
                        SlotChecks::lastSlot,
                        REAL),
                Check.of("SLOT-04", "an address space too many", set, SlotChecks::addressSpaceTooMany, REAL),
                Check.of("SLOT-05", "what is not there is not deleted", set, SlotChecks::deleteAbsent, REAL),
                Check.of("SLOT-06", "deleting ignores addresses", set, SlotChecks::deleteElsewhere, REAL),
                Check.of("SLOT-07", "but not their alignment", set, SlotChecks::deleteUnaligned, REAL),
                Check.of("SLOT-08", "addresses that nobody has", set, SlotChecks::impossibleAddresses, REAL),
                Check.of("SLOT-09", "fewer than 2^31 pages", set, SlotChecks::pagesOfASlot, REAL),
                Check.of("SLOT-10", "no host memory is needed", set, SlotChecks::withoutHostMemory, REAL),
                Check.of("SLOT-11", "the same again changes nothing", set, SlotChecks::sameAgain, REAL, MODEL),
                Check.of("SLOT-12", "size, host memory and read-only are for ever", set, SlotChecks::fixed, REAL),
                Check.of("SLOT-13", "logging and place may change, at once too", set, SlotChecks::changes, REAL),
                Check.of(
                        "SLOT-14",
                        "slots do not overlap",
                        "kvm_main.c:kvm_check_memslot_overlap",
                        SlotChecks::overlap,
                        REAL),
                Check.of(
                        "SLOT-15",
                        "a slot may move onto itself",
                        "kvm_main.c:kvm_check_memslot_overlap",
                        SlotChecks::moveOntoItself,
                        REAL),
                Check.of("SLOT-16", "host memory may be in two places", set, SlotChecks::twoPlaces, REAL),
                Check.of(
                        "SLOT-17",
                        "address spaces have slots of their own",
                        "kvm_main.c:__kvm_memslots",
                        SlotChecks::addressSpaces,
                        REAL),
                Check.of(
                        "SLOT-26",
                        "a slot ends at the last page frame",
                        "x86.c:kvm_arch_prepare_memory_region",
                        SlotChecks::lastFrame,
                        REAL),
                Check.of("SLOT-28", "deleting a slot zaps every slot", flush, SlotChecks::zapsAll, TDP),
                Check.of("SLOT-29", "or its own pages only, without the quirk", flush, SlotChecks::zapsOwn, TDP),
                Check.of("SLOT-30", "generations of memslots", swap, SlotChecks::generations, MODEL),
                Check.of("SLOT-31", "an update waits for an open invalidation", swap, SlotChecks::updateWaits, MODEL));
    }

    private static void unaligned(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(4 * PAGE));
        t.expect("size 4095", EINVAL, vm.set(region.withSize(4095)));
        t.expect("gpa + 1", EINVAL, vm.set(region.withGpa(GPA + 1)));
        t.expect("userspace_addr + 1", EINVAL, vm.set(region.withHva(region.hva() + 1)));
        t.expect("aligned", 0, vm.set(region));
    }

    private static void flagsOfTheFirst(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(PAGE));
        t.expect("flag 4", EINVAL, vm.set(region.withFlags(4)));
        t.expect("flag 8", EINVAL, vm.set(region.withFlags(8)));
        t.expect("flags 3", 0, vm.set(region.withFlags(3)));
    }

    private static void lastSlot(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(PAGE));
        t.expect("slot 32763", 0, vm.set(region.withSlot(SLOTS - 1)));
        t.expect("slot 32764", EINVAL, vm.set(region.withSlot(SLOTS).withGpa(GPA + PAGE)));
    }

    private static int spaces(RawVm vm) {
        return (int) Math.max(1, vm.capability(Capability.MULTI_ADDRESS_SPACE));
    }

    private static void addressSpaceTooMany(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(PAGE));
        t.expect("the last", 0, vm.set(region.withSlot((spaces(vm) - 1) << 16)));
        t.expect("one more", EINVAL, vm.set(region.withSlot(spaces(vm) << 16)));
    }

    private static void deleteAbsent(Trial t) {
        t.expect("size 0", EINVAL, t.vm().delete(0));
    }

    private static void deleteElsewhere(Trial t) {
        RawVm vm = t.vm();
        vm.slot(0, GPA, 4 * PAGE);
        t.expect("other gpa and userspace_addr", 0, vm.set(Region.of(0, GPA + 64 * PAGE, 0, 0x10000)));
        t.expect("again", EINVAL, vm.delete(0));
    }

    private static void deleteUnaligned(Trial t) {
        RawVm vm = t.vm();
        vm.slot(0, GPA, PAGE);
        t.expect("gpa + 1", EINVAL, vm.set(Region.of(0, GPA + 1, 0, 0)));
        t.expect("the slot is still there: deleting it", 0, vm.delete(0));
    }

    private static void impossibleAddresses(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(2 * PAGE));
        t.expect("gpa + size wraps", EINVAL, vm.set(region.withGpa(-PAGE)));
        t.expect("userspace_addr of the kernel", EINVAL, vm.set(region.withHva(0xFFFF_8000_0000_0000L)));
        t.expect("userspace_addr not canonical", EINVAL, vm.set(region.withHva(1L << 62)));
    }

    /** With shadow paging the larger slot is not tried: its reverse maps would take 16 GiB of the host. */
    private static void pagesOfASlot(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, 0, (1L << 31) * PAGE, 0x10000);
        t.expect("2^31 pages", EINVAL, vm.set(region));
        if (t.capability(Capability.PRE_FAULT_MEMORY) == 1) {
            boolean fits = t.guestPhysicalBits() >= 43;
            long expected = fits ? 0 : -EINVAL.number();
            String what = "2^31 - 1 pages, addresses of " + t.guestPhysicalBits() + " bits";
            t.expect(what, expected, vm.set(region.withSize(((1L << 31) - 1) * PAGE)));
        }
    }

    private static void withoutHostMemory(Trial t) {
        RawVm vm = t.vm();
        t.expect("userspace_addr 0", 0, vm.set(Region.of(0, GPA, PAGE, 0)));
        t.expect("nothing mapped there", 0, vm.set(Region.of(1, GPA + PAGE, PAGE, 0x10000)));
    }

    private static void sameAgain(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(PAGE));
        t.expect("create", 0, vm.set(region));
        long before =
                t.on().model().map(model -> model.generation(vm.file(), 0)).orElse(0L);
        t.expect("the same again", 0, vm.set(region));
        t.on().model().ifPresent(model -> t.expect("generation", before, model.generation(vm.file(), 0)));
    }

    private static void fixed(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(4 * PAGE));
        t.expect("create", 0, vm.set(region));
        t.expect("smaller", EINVAL, vm.set(region.withSize(PAGE)));
        t.expect("larger", EINVAL, vm.set(region.withSize(8 * PAGE)));
        t.expect("other host memory", EINVAL, vm.set(region.withHva(region.hva() + PAGE)));
        t.expect("read-only", EINVAL, vm.set(region.withFlags(Region.READONLY)));
    }

    private static void changes(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(4 * PAGE));
        t.expect("create", 0, vm.set(region));
        t.expect("log", 0, vm.set(region.withFlags(Region.LOG)));
        t.expect("do not log", 0, vm.set(region));
        t.expect("move", 0, vm.set(region.withGpa(GPA + 64 * PAGE)));
        t.expect("move and log", 0, vm.set(region.withFlags(Region.LOG)));
    }

    private static void overlap(Trial t) {
        RawVm vm = t.vm();
        vm.slot(0, GPA, 4 * PAGE);
        HostMemory memory = vm.slot(1, GPA + 8 * PAGE, 4 * PAGE);
        Region second = Region.of(1, GPA + 8 * PAGE, memory);
        t.expect("create over the last page", EEXIST, vm.set(second.withSlot(2).withGpa(GPA + 3 * PAGE)));
        t.expect("move over it", EEXIST, vm.set(second.withGpa(GPA + 3 * PAGE)));
        t.expect("move right behind it", 0, vm.set(second.withGpa(GPA + 4 * PAGE)));
    }

    private static void moveOntoItself(Trial t) {
        RawVm vm = t.vm();
        Region region = Region.of(0, GPA, t.memory(4 * PAGE));
        t.expect("create", 0, vm.set(region));
        t.expect("move by a page", 0, vm.set(region.withGpa(GPA + PAGE)));
    }

    private static void twoPlaces(Trial t) {
        RawVm vm = t.vm();
        Guest guest = Guest.on(t, vm);
        Region region = Region.of(0, GPA, t.memory(PAGE));
        t.expect("first slot", 0, vm.set(region));
        t.expect("second slot", 0, vm.set(region.withSlot(1).withGpa(GPA + 64 * PAGE)));
        guest.write(GPA, 0x51);
        t.expectHex("written at the first, read at the second", 0x51, guest.read(GPA + 64 * PAGE));
    }

    private static void addressSpaces(Trial t) {
        RawVm vm = t.vm();
        Trial.require(spaces(vm) == 2, "one address space only: KVM_CAP_MULTI_ADDRESS_SPACE is 0, no SMM");
        Region region = Region.of(0, GPA, t.memory(PAGE));
        t.expect("space 0", 0, vm.set(region));
        t.expect("space 1", 0, vm.set(region.withSlot(1 << 16)));
        t.expect("space 0 again, other slot", EEXIST, vm.set(region.withSlot(1)));
    }

    private static void lastFrame(Trial t) {
        RawVm vm = t.vm();
        int bits = t.capability(Capability.PRE_FAULT_MEMORY) == 1 ? t.guestPhysicalBits() : 52;
        long end = 1L << bits;
        Region region = Region.of(0, end - PAGE, t.memory(2 * PAGE));
        t.expect("one page beyond 2^" + bits, EINVAL, vm.set(region));
        t.expect("up to 2^" + bits, 0, vm.set(region.withSize(PAGE)));
    }

    private static void zapsAll(Trial t) {
        t.requireTdp();
        t.expect("pages mapped after deleting one of two slots", 0, mappedAfterDeletion(t, t.vm()));
    }

    private static void zapsOwn(Trial t) {
        t.requireTdp();
        RawVm vm = t.vm();
        Trial.require(
                (vm.capability(Capability.DISABLE_QUIRKS2) & SLOT_ZAP_ALL) != 0,
                "no quirk SLOT_ZAP_ALL: KVM_CAP_DISABLE_QUIRKS2 is " + vm.capability(Capability.DISABLE_QUIRKS2));
        t.expect("disable the quirk", 0, vm.enable(Capability.DISABLE_QUIRKS2, 0, SLOT_ZAP_ALL));
        t.expect("pages mapped after deleting one of two slots", 4, mappedAfterDeletion(t, vm));
    }

    private static long mappedAfterDeletion(Trial t, RawVm vm) {
        RawVcpu vcpu = vm.vcpu(0);
        vm.slot(0, GPA, 8 * PAGE);
        vm.slot(1, GPA + 64 * PAGE, 4 * PAGE);
        vcpu.preFaultAll(GPA, 8 * PAGE);
        vcpu.preFaultAll(GPA + 64 * PAGE, 4 * PAGE);
        Statistics statistics = vm.statistics();
        t.expect("pages mapped", 12, statistics.mappedPages());
        t.expect("delete", 0, vm.delete(0));
        return statistics.mappedPages();
    }

    private static void generations(Trial t) {
        ModelInspection model = t.model();
        RawVm vm = t.vm();
        int spaces = spaces(vm);
        for (int space = 0; space < spaces; space++) {
            Region region = Region.of(space << 16, GPA, t.memory(PAGE));
            long first = model.generation(vm.file(), space);
            t.expect("generation modulo spaces, space " + space, space, first % spaces);
            t.expect("create", 0, vm.set(region));
            t.expect("generation after create", first + spaces, model.generation(vm.file(), space));
            t.expect("delete", 0, vm.delete(space << 16));
            t.expect("generation after delete", first + 3L * spaces, model.generation(vm.file(), space));
        }
    }

    private static void updateWaits(Trial t) {
        ModelInspection model = t.model();
        RawVm vm = t.vm();
        HostMemory memory = vm.slot(0, GPA, PAGE);
        Background<Long> deletion;
        try (ModelInspection.Hold _ = model.openInvalidation(vm.file(), memory.hva(), PAGE)) {
            deletion = t.background("delete", () -> vm.delete(0));
            t.expect("deletion waits", true, deletion.isStillBusyAfter(Duration.ofMillis(100)));
        }
        t.expect("deletion afterwards", 0, deletion.result());
    }
}
