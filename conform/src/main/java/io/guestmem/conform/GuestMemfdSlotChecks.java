package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EBADF;
import static io.guestmem.abi.ErrorNumber.EEXIST;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.HostMemory;
import java.util.List;

/** Memslots with a guest_memfd behind them: which are accepted, and what a change does. */
final class GuestMemfdSlotChecks {
    private static final long GPA = Guest.FREE;
    private static final long ELSEWHERE = GPA + 64 * Numbers.PAGE;
    private static final long PAGE = Numbers.PAGE;
    private static final long SIZE = 4 * PAGE;

    private GuestMemfdSlotChecks() {}

    static List<Check> all() {
        String bind = "guest_memfd.c:kvm_gmem_bind";
        String set = "kvm_main.c:kvm_set_memory_region";
        return List.of(
                Check.of(
                        "SLOT-18",
                        "neither read-only nor logging",
                        "kvm_main.c:check_memory_region_flags",
                        GuestMemfdSlotChecks::flags,
                        REAL),
                Check.of("SLOT-19", "a guest_memfd of this VM", bind, GuestMemfdSlotChecks::descriptors, REAL),
                Check.of("SLOT-20", "a range inside the file", bind, GuestMemfdSlotChecks::ranges, REAL),
                Check.of("SLOT-21", "a range is bound once", bind, GuestMemfdSlotChecks::boundTwice, REAL),
                Check.of("SLOT-22", "overlap of slots comes first", set, GuestMemfdSlotChecks::overlapFirst, REAL),
                Check.of("SLOT-23", "nothing about it may change", set, GuestMemfdSlotChecks::fixed, REAL),
                Check.of("SLOT-24", "either request deletes it", set, GuestMemfdSlotChecks::deletion, REAL),
                Check.of("SLOT-25", "size 0 deletes, flag or not", set, GuestMemfdSlotChecks::deletionWithFlag, REAL));
    }

    private static void flags(Trial t) {
        RawVm vm = t.guestMemfdVm();
        Region region = Region.of(0, GPA, SIZE, vm.guestMemfd(SIZE, 0));
        t.expect("GUEST_MEMFD | READONLY", EINVAL, vm.set2(region.withFlags(Region.GMEM | Region.READONLY)));
        t.expect("GUEST_MEMFD | LOG", EINVAL, vm.set2(region.withFlags(Region.GMEM | Region.LOG)));
        t.expect("GUEST_MEMFD", 0, vm.set2(region));
    }

    private static void descriptors(Trial t) {
        RawVm vm = t.guestMemfdVm();
        Region region = Region.of(0, GPA, SIZE, 0);
        int others = t.vm().guestMemfd(SIZE, 0).descriptor();
        t.expect("-1", EBADF, vm.set2(region.withGuestMemfd(-1, 0)));
        t.expect("the VM's own", EINVAL, vm.set2(region.withGuestMemfd(vm.file().descriptor(), 0)));
        t.expect("another VM's guest_memfd", EINVAL, vm.set2(region.withGuestMemfd(others, 0)));
    }

    private static void ranges(Trial t) {
        RawVm vm = t.guestMemfdVm();
        int file = vm.guestMemfd(SIZE, 0).descriptor();
        Region region = Region.of(0, GPA, SIZE, 0);
        t.expect("offset 1", EINVAL, vm.set2(region.withGuestMemfd(file, 1)));
        t.expect("offset + size beyond the file", EINVAL, vm.set2(region.withGuestMemfd(file, PAGE)));
        t.expect("offset + size wraps", EINVAL, vm.set2(region.withGuestMemfd(file, -PAGE)));
        t.expect("the last page", 0, vm.set2(region.withSize(PAGE).withGuestMemfd(file, 3 * PAGE)));
    }

    private static void boundTwice(Trial t) {
        RawVm vm = t.guestMemfdVm();
        GuestMemfdFile file = vm.guestMemfd(SIZE, 0);
        Region region = Region.of(0, GPA, SIZE, file);
        t.expect("first", 0, vm.set2(region));
        // Known of 6.18 and of 7.2; which release in between changed it is not.
        Answer expected = Answer.of(EINVAL).since(7, 0, EEXIST);
        t.expect("second, elsewhere", expected, vm.set2(region.withSlot(1).withGpa(ELSEWHERE)));
        t.expect("delete the first", 0, vm.delete(0));
        t.expect("then the second", 0, vm.set2(region.withSlot(1).withGpa(ELSEWHERE)));
    }

    private static void overlapFirst(Trial t) {
        RawVm vm = t.guestMemfdVm();
        vm.slot(0, GPA, SIZE);
        t.expect(
                "overlap and descriptor -1",
                EEXIST,
                vm.set2(Region.of(1, GPA, SIZE, 0).withGuestMemfd(-1, 0)));
    }

    private static void fixed(Trial t) {
        RawVm vm = t.guestMemfdVm();
        Region region = Region.of(0, GPA, SIZE, vm.guestMemfd(SIZE, 0));
        t.expect("create", 0, vm.set2(region));
        t.expect("the same again", EINVAL, vm.set2(region));
        t.expect("move", EINVAL, vm.set2(region.withGpa(ELSEWHERE)));
        t.expect("without the flag", EINVAL, vm.set2(region.withFlags(0)));
    }

    private static void deletion(Trial t) {
        RawVm vm = t.guestMemfdVm();
        Region region = Region.of(0, GPA, SIZE, vm.guestMemfd(SIZE, 0));
        t.expect("create", 0, vm.set2(region));
        t.expect("delete by the first request", 0, vm.set(region.withSize(0).withFlags(0)));
        t.expect("create again", 0, vm.set2(region));
        t.expect("delete by the second, with the flag", 0, vm.set2(region.withSize(0)));
        t.expect("create once more", 0, vm.set2(region));
    }

    private static void deletionWithFlag(Trial t) {
        RawVm vm = t.guestMemfdVm();
        HostMemory memory = vm.slot(0, GPA, SIZE);
        Region region = Region.of(0, GPA, memory).withGuestMemfd(-1, 0);
        t.expect("size 0 and the flag, on a slot without", 0, vm.set2(region.withSize(0)));
        t.expect("again", EINVAL, vm.delete(0));
    }
}
