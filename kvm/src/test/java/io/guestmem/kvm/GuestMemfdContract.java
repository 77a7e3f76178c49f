package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.GuestMemfd.Flag;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** guest_memfd: making, binding, punching, and sharing with the host. */
abstract class GuestMemfdContract extends KernelContract {
    private static final Set<Flag> SHARED = EnumSet.of(Flag.MMAP, Flag.INIT_SHARED);

    @BeforeEach
    void assumeGuestMemfd() {
        assumeCapability(Capability.GUEST_MEMFD, 1);
        assumeCapability(Capability.USER_MEMORY2, 1);
    }

    private GuestMemfd file(long pages) {
        return vm.createGuestMemfd(pages * PAGE, Set.of());
    }

    private GuestMemfd shared(long pages) {
        assumeCapability(Capability.GUEST_MEMFD_FLAGS, 3);
        return vm.createGuestMemfd(pages * PAGE, SHARED);
    }

    private static Memslot slot(int id, long gpa, long pages) {
        return Memslot.of(id, GuestRange.of(gpa, pages * PAGE), new HostVirtual(0));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 4095, Long.MIN_VALUE, -4096})
    @DisplayName("GMEM-01: a size of 0, of no pages, or above 2^63 is EINVAL")
    void sizes(long size) {
        assertRefused(ErrorNumber.EINVAL, () -> vm.createGuestMemfd(size, Set.of()));
    }

    @Test
    @DisplayName("GMEM-02: the flags that the VM has are taken, others are EINVAL")
    void flags() {
        int known = vm.capability(Capability.GUEST_MEMFD_FLAGS);
        check(EnumSet.of(Flag.MMAP), (known & 1) == 1);
        check(EnumSet.of(Flag.INIT_SHARED), (known & 2) == 2);
        check(SHARED, (known & 3) == 3);
    }

    private void check(Set<Flag> flags, boolean known) {
        if (known) {
            assertThat(vm.createGuestMemfd(PAGE, flags).size()).isEqualTo(PAGE);
        } else {
            assertRefused(ErrorNumber.EINVAL, () -> vm.createGuestMemfd(PAGE, flags));
        }
    }

    @Test
    @DisplayName("GMEM-10: what is shared starts as zeroes, keeps what is written, and is zeroes again after a hole")
    void contentOfASharedFile() {
        GuestMemfd file = shared(4);
        try (HostMemory mapped = file.map(0, 4 * PAGE)) {
            assertThat(mapped.segment().get(ValueLayout.JAVA_LONG, PAGE)).isZero();
            mapped.segment().fill((byte) 7);
            file.punchHole(PAGE, 2 * PAGE);

            assertThat(mapped.segment().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 7);
            assertThat(mapped.segment().get(ValueLayout.JAVA_BYTE, PAGE)).isZero();
            assertThat(mapped.segment().get(ValueLayout.JAVA_BYTE, 3 * PAGE - 1))
                    .isZero();
            assertThat(mapped.segment().get(ValueLayout.JAVA_BYTE, 3 * PAGE)).isEqualTo((byte) 7);
        }
    }

    @Test
    @DisplayName("GMEM-07, GMEM-09: what would be SIGBUS at a touch is not mapped in the first place")
    void mappingWithoutFlags() {
        GuestMemfd file = file(1);

        assertThatIllegalStateException().isThrownBy(() -> file.map(0, PAGE));
    }

    @Test
    @DisplayName("GMEM-09: nothing behind the end is mapped")
    void mappingBehindTheEnd() {
        GuestMemfd file = shared(2);

        assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> file.map(PAGE, 2 * PAGE));
        file.map(PAGE, PAGE).close();
    }

    @Test
    @DisplayName("GMEM-12: allocating behind the end is EINVAL, a hole there is nothing")
    void behindTheEnd() {
        GuestMemfd file = file(2);

        file.allocate(0, 2 * PAGE);
        assertRefused(ErrorNumber.EINVAL, () -> file.allocate(PAGE, 2 * PAGE));
        file.punchHole(2 * PAGE, PAGE);
        file.punchHole(PAGE, 2 * PAGE);
    }

    @Test
    @DisplayName("GMEM-13: unaligned or empty ranges are EINVAL")
    void rangesOfHoles() {
        GuestMemfd file = file(2);

        assertRefused(ErrorNumber.EINVAL, () -> file.punchHole(1, PAGE));
        assertRefused(ErrorNumber.EINVAL, () -> file.punchHole(0, PAGE + 1));
        assertRefused(ErrorNumber.EINVAL, () -> file.punchHole(0, 0));
        assertRefused(ErrorNumber.EINVAL, () -> file.allocate(0, 1));
    }

    @Test
    @DisplayName("SLOT-18: a slot with a guest_memfd is neither read-only nor logged")
    void flagsOfASlot() {
        Memslot slot = slot(0, 0, 1).backedBy(file(1), 0);

        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot.with(Memslot.Flag.READONLY)));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot.with(Memslot.Flag.LOG_DIRTY_PAGES)));
    }

    @Test
    @DisplayName("SLOT-19: another VM's guest_memfd is EINVAL")
    void guestMemfdOfAnotherVm() {
        GuestMemfd other = kvm.createVm(VmType.DEFAULT).createGuestMemfd(PAGE, Set.of());

        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 0, 1).backedBy(other, 0)));
    }

    @Test
    @DisplayName("SLOT-20: an unaligned offset, or a slot that reaches behind the end, is EINVAL")
    void offsetsIntoTheFile() {
        GuestMemfd file = file(4);

        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 0, 1).backedBy(file, 1)));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 0, 2).backedBy(file, 3 * PAGE)));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 0, 1).backedBy(file, -PAGE)));
        vm.set(slot(0, 0, 2).backedBy(file, 2 * PAGE));
    }

    @Test
    @DisplayName("SLOT-21: a range that is bound already is refused; the ranges beside it are not")
    void boundAlready() {
        GuestMemfd file = file(4);
        vm.set(slot(0, 0x10000, 2).backedBy(file, PAGE));

        assertRefused(boundTwice(), () -> vm.set(slot(1, 0x20000, 1).backedBy(file, PAGE)));
        assertRefused(boundTwice(), () -> vm.set(slot(1, 0x20000, 2).backedBy(file, 0)));
        vm.set(slot(1, 0x20000, 1).backedBy(file, 0));
        vm.set(slot(2, 0x30000, 1).backedBy(file, 3 * PAGE));
    }

    @Test
    @DisplayName("SLOT-22: an overlap of slots is found before the guest_memfd is looked at")
    void overlapFirst() {
        vm.set(slot(0, 0x10000, 2));
        GuestMemfd other = kvm.createVm(VmType.DEFAULT).createGuestMemfd(PAGE, Set.of());

        assertRefused(ErrorNumber.EEXIST, () -> vm.set(slot(1, 0x11000, 1).backedBy(other, 0)));
    }

    @Test
    @DisplayName("SLOT-23: a slot with a guest_memfd does not change")
    void noChange() {
        Memslot slot = slot(0, 0x10000, 1).backedBy(file(1), 0);
        vm.set(slot);

        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot.movedTo(new GuestPhysical(0x20000))));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 0x10000, 1)));
    }

    @Test
    @DisplayName("SLOT-24, SLOT-25: it is deleted without naming the guest_memfd, and with it")
    void deletion() {
        GuestMemfd file = file(1);
        Memslot slot = slot(0, 0x10000, 1).backedBy(file, 0);
        vm.set(slot);
        vm.delete(slot);
        assertRefused(ErrorNumber.EINVAL, () -> vm.delete(slot));

        vm.set(slot);
        vm.set(slot(0, 0x10000, 0).backedBy(file, 0));
        assertRefused(ErrorNumber.EINVAL, () -> vm.delete(slot));
    }

    @Test
    @DisplayName("GMEM-16: the file outlives its VM's slots: what was written is there at another gpa")
    void contentOutlivesTheSlot() {
        GuestMemfd file = shared(1);
        Memslot slot = slot(0, 0x10000, 1).backedBy(file, 0);
        Guest guest = guest();
        vm.set(slot);
        assertDone(guest.write(0x10000, 1));
        vm.delete(slot);
        vm.set(slot(1, 0x30000, 1).backedBy(file, 0));

        assertDone(guest.read(0x30000, 1));
        assertThat(guest.sum()).isEqualTo(1);
    }

    @Test
    @DisplayName("GMEM-18: host and guest share a file that is mapped; the slot's hva is not used")
    void sharedWithTheHost() {
        GuestMemfd file = shared(3);
        vm.set(slot(0, 0x10000, 3).backedBy(file, 0));
        Guest guest = guest();
        try (HostMemory mapped = file.map(0, 3 * PAGE)) {
            mapped.segment().set(ValueLayout.JAVA_LONG, 0, 40);
            mapped.segment().set(ValueLayout.JAVA_LONG, 2 * PAGE, 2);

            assertDone(guest.read(0x10000, 3));
            assertThat(guest.sum()).isEqualTo(42);
            assertDone(guest.write(0x11000, 2));
            assertThat(mapped.segment().get(ValueLayout.JAVA_LONG, PAGE)).isEqualTo(2);
            assertThat(mapped.segment().get(ValueLayout.JAVA_LONG, 2 * PAGE)).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("GMEM-19: pages that were only allocated are zeroes")
    void allocatedPages() {
        GuestMemfd file = shared(4);
        vm.set(slot(0, 0x10000, 4).backedBy(file, 0));
        file.allocate(0, 4 * PAGE);
        Guest guest = guest();

        assertDone(guest.read(0x10000, 4));
        assertThat(guest.sum()).isZero();
    }

    @Test
    @DisplayName("GMEM-10: a hole takes the pages away from the guest, too")
    void holeUnderTheGuest() {
        GuestMemfd file = shared(2);
        vm.set(slot(0, 0x10000, 2).backedBy(file, 0));
        Guest guest = guest();
        assertDone(guest.write(0x10000, 2));

        file.punchHole(0, PAGE);

        assertDone(guest.read(0x10000, 2));
        assertThat(guest.sum()).isEqualTo(1);
    }

    @Test
    @DisplayName("GMEM-15: once the file is closed, its slot is a memory fault; it can be deleted")
    void closedFile() {
        GuestMemfd file = shared(1);
        Memslot slot = slot(0, 0x10000, 1).backedBy(file, 0);
        vm.set(slot);
        Guest guest = guest();
        assertDone(guest.read(0x10000, 1));

        file.close();

        assertThat(guest.read(0x10000, 1)).isEqualTo(new Exit.MemoryFault(0x10000, PAGE, false, ErrorNumber.EFAULT));
        vm.delete(slot);
    }

    @Test
    @DisplayName("an offset that is no page is refused by mmap")
    void unalignedMapping() {
        GuestMemfd file = shared(2);

        assertRefused(ErrorNumber.EINVAL, () -> file.map(1, PAGE));
        assertThatIllegalArgumentException().isThrownBy(() -> file.map(0, 0));
    }
}
