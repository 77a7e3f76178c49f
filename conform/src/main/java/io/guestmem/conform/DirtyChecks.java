package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.E2BIG;
import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.ENOENT;
import static io.guestmem.abi.ErrorNumber.ENXIO;
import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.Capability;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Dirty logging: bitmap, manual protection, ring. */
final class DirtyChecks {
    private static final long GPA = Guest.FREE;
    private static final long PAGE = Numbers.PAGE;
    private static final int PAGES = 128;

    private DirtyChecks() {}

    static List<Check> all() {
        String get = "kvm_main.c:kvm_get_dirty_log_protect";
        String clear = "kvm_main.c:kvm_clear_dirty_log_protect";
        String ring = "kvm_main.c:kvm_vm_ioctl_enable_dirty_log_ring";
        return List.of(
                Check.of("DIRTY-01", "slots that have no bitmap", get, DirtyChecks::noBitmap, REAL),
                Check.of("DIRTY-02", "ranges that cannot be cleared", clear, DirtyChecks::badRanges, REAL),
                Check.of("DIRTY-03", "nothing at the end may be", clear, DirtyChecks::emptyRange, REAL),
                Check.of(
                        "DIRTY-04",
                        "manual protection is 0, 1 or 3",
                        "kvm_main.c:kvm_vm_ioctl_enable_cap_generic",
                        DirtyChecks::manual,
                        REAL),
                Check.of("DIRTY-05", "all dirty at first, until cleared", get, DirtyChecks::initiallySet, REAL),
                Check.of("DIRTY-06", "sizes of a ring", ring, DirtyChecks::ringSizes, REAL),
                Check.of("DIRTY-07", "no bitmap beside a ring", get, DirtyChecks::noBitmapWithRing, REAL));
    }

    private static RawVm logging(Trial t) {
        RawVm vm = t.vm();
        log(t, vm);
        return vm;
    }

    private static void log(Trial t, RawVm vm) {
        Region region = Region.of(0, GPA, t.memory(PAGES * PAGE));
        t.must("memslot that logs", vm.set(region.withFlags(Region.LOG)));
    }

    private static MemorySegment bitmap(Trial t) {
        return t.struct(PAGES / Byte.SIZE);
    }

    private static void noBitmap(Trial t) {
        RawVm vm = logging(t);
        vm.slot(1, GPA + PAGES * PAGE, PAGE);
        long bitmap = t.pointer(bitmap(t));
        t.expect("GET of a slot that is not there", ENOENT, vm.dirtyLog(2, bitmap));
        t.expect("GET of one that does not log", ENOENT, vm.dirtyLog(1, bitmap));
        t.expect("GET of slot 32764", EINVAL, vm.dirtyLog(32764, bitmap));
        t.expect("GET into a null pointer", EFAULT, vm.dirtyLog(0, 0));
        t.expect("GET", 0, vm.dirtyLog(0, bitmap));
    }

    private static void badRanges(Trial t) {
        RawVm vm = logging(t);
        long bitmap = t.pointer(bitmap(t));
        t.expect("first page 1", EINVAL, vm.clearDirtyLog(0, 1, 64, bitmap));
        t.expect("1 page, not at the end", EINVAL, vm.clearDirtyLog(0, 0, 1, bitmap));
        t.expect("64 pages too many", EINVAL, vm.clearDirtyLog(0, 64, 128, bitmap));
        t.expect("first page beyond the end", EINVAL, vm.clearDirtyLog(0, 192, 0, bitmap));
        t.expect("all pages", 0, vm.clearDirtyLog(0, 0, PAGES, bitmap));
    }

    private static void emptyRange(Trial t) {
        t.expect("no pages at the end", 0, logging(t).clearDirtyLog(0, PAGES, 0, t.pointer(bitmap(t))));
    }

    private static void manual(Trial t) {
        for (long value : List.of(0L, 1L, 3L)) {
            t.expect("enable " + value, 0, t.vm().enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 0, value));
        }
        for (long value : List.of(2L, 4L)) {
            t.expect("enable " + value, EINVAL, t.vm().enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 0, value));
        }
        t.expect("enable 1, flags 1", EINVAL, t.vm().enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 1, 1));
    }

    private static void initiallySet(Trial t) {
        RawVm vm = t.vm();
        t.expect("enable 3", 0, vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 0, 3));
        log(t, vm);
        t.expectHex("first GET", -1, vm.dirtyWord(0, PAGES));
        t.expectHex("second GET", -1, vm.dirtyWord(0, PAGES));
        MemorySegment some = bitmap(t);
        some.set(ValueLayout.JAVA_LONG, 0, 0xF0F0);
        t.expect("CLEAR", 0, vm.clearDirtyLog(0, 0, 64, t.pointer(some)));
        t.expectHex("third GET", ~0xF0F0L, vm.dirtyWord(0, PAGES));
    }

    private static Capability ring(Trial t) {
        for (Capability each : List.of(Capability.DIRTY_LOG_RING_ACQ_REL, Capability.DIRTY_LOG_RING)) {
            if (t.capability(each) != 0) {
                return each;
            }
        }
        throw new SkippedException("no dirty rings: KVM_CAP_DIRTY_LOG_RING is 0");
    }

    private static void ringSizes(Trial t) {
        Capability ring = ring(t);
        RawVm vm = t.vm();
        t.expect("1024 bytes", EINVAL, vm.enable(ring, 0, 1024));
        t.expect("5000 bytes", EINVAL, vm.enable(ring, 0, 5000));
        t.expect("2 MiB", E2BIG, vm.enable(ring, 0, 2 << 20));
        t.expect("64 KiB", 0, vm.enable(ring, 0, 64 << 10));
        t.expect("a second time", EINVAL, vm.enable(ring, 0, 64 << 10));
        RawVm running = t.vm();
        running.vcpu(0);
        t.expect("with a vCPU", EINVAL, running.enable(ring, 0, 64 << 10));
    }

    private static void noBitmapWithRing(Trial t) {
        RawVm vm = t.vm();
        t.must("ring", vm.enable(ring(t), 0, 64 << 10));
        log(t, vm);
        long bitmap = t.pointer(bitmap(t));
        t.expect("GET_DIRTY_LOG", ENXIO, vm.dirtyLog(0, bitmap));
        t.expect("CLEAR_DIRTY_LOG", ENXIO, vm.clearDirtyLog(0, 0, PAGES, bitmap));
    }
}
