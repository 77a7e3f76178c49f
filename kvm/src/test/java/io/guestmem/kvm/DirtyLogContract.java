package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The dirty log tells what the guest wrote: exactly these pages, once. */
abstract class DirtyLogContract extends KernelContract {
    private static final long START = 0x10000;

    /** Not a multiple of 64, and more than one word. */
    private static final long PAGES = 150;

    private Memslot logged() {
        HostMemory memory = memory(PAGES);
        Memslot slot = Memslot.of(0, new GuestPhysical(START), memory).with(Memslot.Flag.LOG_DIRTY_PAGES);
        vm.set(slot);
        return slot;
    }

    private static List<Long> pages(DirtyBitmap bitmap) {
        List<Long> pages = new ArrayList<>();
        bitmap.forEach(pages::add);
        return pages;
    }

    private static List<Long> range(long first, long last) {
        return LongStream.rangeClosed(first, last).boxed().toList();
    }

    private static long gpa(long page) {
        return START + page * PAGE;
    }

    @Test
    @DisplayName("pages that the guest wrote are dirty, pages that it read are not, and then they are forgotten")
    void exactlyWhatWasWritten() {
        Memslot slot = logged();
        Guest guest = guest();
        assertThat(pages(vm.dirtyLog(slot))).isEmpty();

        assertDone(guest.read(gpa(0), PAGES));
        assertDone(guest.write(gpa(0), 1));
        assertDone(guest.write(gpa(60), 10));
        assertDone(guest.write(gpa(149), 1));

        DirtyBitmap dirty = vm.dirtyLog(slot);
        List<Long> expected = new ArrayList<>(List.of(0L));
        expected.addAll(range(60, 69));
        expected.add(149L);
        assertThat(pages(dirty)).isEqualTo(expected);
        assertThat(dirty.count()).isEqualTo(12);
        assertThat(dirty.isDirty(63)).isTrue();
        assertThat(dirty.isDirty(64)).isTrue();
        assertThat(dirty.isDirty(70)).isFalse();

        assertThat(pages(vm.dirtyLog(slot))).isEmpty();
        assertDone(guest.write(gpa(61), 1));
        assertThat(pages(vm.dirtyLog(slot))).containsExactly(61L);
    }

    @Test
    @DisplayName("a slot that does not log, or is not there, is ENOENT")
    void noLog() {
        HostMemory memory = memory(1);
        Memslot slot = Memslot.of(0, new GuestPhysical(START), memory);

        assertRefused(ErrorNumber.ENOENT, () -> vm.dirtyLog(slot));
        vm.set(slot);
        assertRefused(ErrorNumber.ENOENT, () -> vm.dirtyLog(slot));
        assertRefused(ErrorNumber.ENOENT, () -> vm.clearDirtyLog(slot, 0, 1));
    }

    @Test
    @DisplayName("with manual protection, pages stay dirty until they are cleared, 64 at a time or up to the end")
    void manualProtection() {
        assumeCapability(Capability.MANUAL_DIRTY_LOG_PROTECT2, 1);
        vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 1);
        Memslot slot = logged();
        Guest guest = guest();
        assertDone(guest.write(gpa(60), 80));

        assertThat(pages(vm.dirtyLog(slot))).isEqualTo(range(60, 139));
        assertThat(pages(vm.dirtyLog(slot))).isEqualTo(range(60, 139));
        vm.clearDirtyLog(slot, 64, 64);
        List<Long> left = new ArrayList<>(range(60, 63));
        left.addAll(range(128, 139));
        assertThat(pages(vm.dirtyLog(slot))).isEqualTo(left);
        vm.clearDirtyLog(slot, 128, 22);
        assertThat(pages(vm.dirtyLog(slot))).isEqualTo(range(60, 63));

        assertRefused(ErrorNumber.EINVAL, () -> vm.clearDirtyLog(slot, 1, 64));
        assertRefused(ErrorNumber.EINVAL, () -> vm.clearDirtyLog(slot, 0, 63));
        assertRefused(ErrorNumber.EINVAL, () -> vm.clearDirtyLog(slot, 128, 64));
    }

    @Test
    @DisplayName("manual protection with all pages dirty at first")
    void allDirtyAtFirst() {
        assumeCapability(Capability.MANUAL_DIRTY_LOG_PROTECT2, 3);
        vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 3);
        Memslot slot = logged();

        assertThat(pages(vm.dirtyLog(slot))).isEqualTo(range(0, PAGES - 1));
    }

    @Test
    @DisplayName("manual protection takes the arguments 0, 1 and 3")
    void argumentsOfManualProtection() {
        assumeCapability(Capability.MANUAL_DIRTY_LOG_PROTECT2, 3);

        assertRefused(ErrorNumber.EINVAL, () -> vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 2));
        assertRefused(ErrorNumber.EINVAL, () -> vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 4));
        vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 3);
        vm.enable(Capability.MANUAL_DIRTY_LOG_PROTECT2, 0);
    }
}
