package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Memslots: what is refused, and what a change does. A slot that was refused leaves everything as it was. */
abstract class SlotContract extends KernelContract {
    private static final HostVirtual NOWHERE = new HostVirtual(0);

    private static Memslot slot(int id, long gpa, long size) {
        return Memslot.of(id, GuestRange.of(gpa, size), NOWHERE);
    }

    @ParameterizedTest
    @CsvSource({"0x800, 0x1000, 0", "0x1000, 0x1800, 0", "0x1000, 0x1000, 0x800"})
    @DisplayName("SLOT-01: an unaligned gpa, size or hva is EINVAL")
    void unaligned(String gpa, String size, String hva) {
        Memslot slot =
                Memslot.of(0, GuestRange.of(Long.decode(gpa), Long.decode(size)), new HostVirtual(Long.decode(hva)));

        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot));
    }

    @Test
    @DisplayName("SLOT-03: the last slot is 32763")
    void lastSlot() {
        vm.set(slot(32763, 0, PAGE));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(32764, PAGE, PAGE)));
    }

    @Test
    @DisplayName("SLOT-04: an address space behind the last one is EINVAL")
    void addressSpaceBehindTheLast() {
        int spaces = Math.max(1, vm.capability(Capability.MULTI_ADDRESS_SPACE));

        vm.set(in(spaces - 1));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(in(spaces)));
    }

    private static Memslot in(int addressSpace) {
        return new Memslot(0, addressSpace, GuestRange.of(0, PAGE), NOWHERE, Set.of(), Optional.empty());
    }

    @Test
    @DisplayName("SLOT-05: deleting what is not there is EINVAL")
    void deleteAbsent() {
        assertRefused(ErrorNumber.EINVAL, () -> vm.delete(slot(7, 0, PAGE)));
    }

    @Test
    @DisplayName("SLOT-06: a slot is deleted by its number, whatever the addresses say")
    void deleteWithOtherAddresses() {
        vm.set(slot(7, 0, PAGE));
        vm.delete(slot(7, 0x5000, PAGE));

        assertRefused(ErrorNumber.EINVAL, () -> vm.delete(slot(7, 0, PAGE)));
        vm.set(slot(8, 0, PAGE));
    }

    @Test
    @DisplayName("SLOT-07: deleting with an unaligned gpa is EINVAL, and the slot stays")
    void deleteUnaligned() {
        vm.set(slot(7, 0, PAGE));
        assertRefused(ErrorNumber.EINVAL, () -> vm.delete(slot(7, 0x10, PAGE)));

        vm.delete(slot(7, 0, PAGE));
    }

    @Test
    @DisplayName("SLOT-08: a range that wraps, an hva of the kernel and one that is not canonical are EINVAL")
    void rangesThatAreNone() {
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, -PAGE, 2 * PAGE)));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(at(0xFFFF_8880_0000_0000L)));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(at(0x8000_0000_0000_0000L)));
    }

    private static Memslot at(long hva) {
        return Memslot.of(0, GuestRange.of(0, PAGE), new HostVirtual(hva));
    }

    @Test
    @DisplayName("SLOT-09: 2^31 pages are EINVAL; one less is not, where the CPU has so many addresses")
    void mostPages() {
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 0, (1L << 31) * PAGE)));
        int addressBits = kvm.supportedCpuid().leaf(0x8000_0008).orElseThrow().eax() & 0xFF;
        if (addressBits >= 43 && vm.capability(Capability.PRE_FAULT_MEMORY) != 0) {
            // 8 TiB. Without TDP, KVM allocates 8 bytes for each page of a slot at once: 16 GiB here.
            vm.set(slot(0, 0, ((1L << 31) - 1) * PAGE));
        }
    }

    @Test
    @DisplayName("SLOT-10, SLOT-16: nothing behind a slot, or the same behind two, is accepted")
    void hostAddressesAreNotLookedAt() {
        HostMemory memory = memory(1);

        vm.set(slot(0, 0, PAGE));
        vm.set(Memslot.of(1, new GuestPhysical(0x10000), memory));
        vm.set(Memslot.of(2, new GuestPhysical(0x20000), memory));
    }

    @Test
    @DisplayName("SLOT-16: the same memory is seen through both slots")
    void oneMemoryInTwoSlots() {
        HostMemory memory = memory(1);
        vm.set(Memslot.of(1, new GuestPhysical(0x10000), memory));
        vm.set(Memslot.of(2, new GuestPhysical(0x20000), memory));
        Guest guest = guest();

        assertDone(guest.write(0x10000, 1));
        assertDone(guest.read(0x20000, 1));

        assertThat(guest.sum()).isEqualTo(1);
        assertThat(memory.segment().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(1);
    }

    @Test
    @DisplayName("SLOT-11: the same again is no change")
    void identical() {
        vm.set(slot(0, 0, PAGE));
        vm.set(slot(0, 0, PAGE));
    }

    @Test
    @DisplayName("SLOT-12: another size, another hva, and READONLY on or off are EINVAL")
    void whatCannotChange() {
        Memslot slot = slot(0, 0, 2 * PAGE);
        Memslot readOnly = slot(1, 0x10000, PAGE).with(Memslot.Flag.READONLY);
        vm.set(slot);
        vm.set(readOnly);

        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 0, PAGE)));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(Memslot.of(0, slot.range(), new HostVirtual(PAGE))));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot.with(Memslot.Flag.READONLY)));
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(readOnly.without(Memslot.Flag.READONLY)));
    }

    @Test
    @DisplayName("SLOT-13: logging on and off, a move, and both at once are changes")
    void whatCanChange() {
        Memslot slot = slot(0, 0, PAGE);
        vm.set(slot);

        vm.set(slot.with(Memslot.Flag.LOG_DIRTY_PAGES));
        vm.dirtyLog(slot);
        vm.set(slot);
        assertRefused(ErrorNumber.ENOENT, () -> vm.dirtyLog(slot));
        vm.set(slot.movedTo(new GuestPhysical(0x10000)));
        vm.set(slot.with(Memslot.Flag.LOG_DIRTY_PAGES));
        vm.dirtyLog(slot);

        // The slot is at 0 again, and its last place is free.
        assertRefused(ErrorNumber.EEXIST, () -> vm.set(slot(1, 0, PAGE)));
        vm.set(slot(1, 0x10000, PAGE));
    }

    @Test
    @DisplayName("SLOT-14: creating or moving a slot onto another is EEXIST")
    void overlap() {
        vm.set(slot(0, 0x10000, 4 * PAGE));
        Memslot other = slot(1, 0x20000, 4 * PAGE);

        for (long gpa : new long[] {0x10000, 0xD000, 0x13000}) {
            assertRefused(ErrorNumber.EEXIST, () -> vm.set(other.movedTo(new GuestPhysical(gpa))));
        }
        vm.set(other);
        assertRefused(ErrorNumber.EEXIST, () -> vm.set(other.movedTo(new GuestPhysical(0x13000))));
        vm.set(other.movedTo(new GuestPhysical(0x14000)));
    }

    @Test
    @DisplayName("SLOT-15: a slot may move onto a part of itself")
    void moveOntoItself() {
        vm.set(slot(0, 0x10000, 4 * PAGE));
        vm.set(slot(0, 0x11000, 4 * PAGE));

        vm.set(slot(1, 0x10000, PAGE));
        assertRefused(ErrorNumber.EEXIST, () -> vm.set(slot(2, 0x14000, PAGE)));
    }

    @Test
    @DisplayName("SLOT-17: address spaces do not share slots")
    void addressSpaces() {
        assumeCapability(Capability.MULTI_ADDRESS_SPACE, 2);
        vm.set(in(0));
        vm.set(in(1));

        vm.delete(in(0));
        assertRefused(ErrorNumber.EINVAL, () -> vm.delete(in(0)));
        vm.delete(in(1));
    }

    @Test
    @DisplayName("SLOT-26: nothing lies behind the last address that the guest's pages can have")
    void lastAddress() {
        assertRefused(ErrorNumber.EINVAL, () -> vm.set(slot(0, 1L << 52, PAGE)));
        vm.set(slot(0, (1L << 32) - PAGE, PAGE));
    }

    @ParameterizedTest
    @ValueSource(longs = {0x40000000L - 0x1000, 0x10000})
    @DisplayName("a guest that writes where there is no slot exits, with address and data")
    void writeOutsideSlots(long gpa) {
        assertThat(guest().write(gpa, 0x1122334455667788L)).isEqualTo(new Exit.Mmio(gpa, 0x1122334455667788L, 8, true));
    }

    @Test
    @DisplayName("a guest that reads where there is no slot exits, and gets what the VMM answers")
    void readOutsideSlots() {
        Guest guest = guest();

        Exit exit = guest.read(0x10000, 1);
        assertThat(exit).isInstanceOf(Exit.Mmio.class);
        Exit.Mmio read = (Exit.Mmio) exit;
        assertThat(read.gpa()).isEqualTo(0x10000);
        assertThat(read.length()).isEqualTo(8);
        assertThat(read.isWrite()).isFalse();
    }

    @Test
    @DisplayName("a write into a read-only slot is an exit; a read is not")
    void readOnlySlot() {
        assumeCapability(Capability.READONLY_MEM, 1);
        HostMemory memory = memory(1);
        memory.segment().set(ValueLayout.JAVA_LONG, 0, 4711);
        vm.set(Memslot.of(0, new GuestPhysical(0x10000), memory).with(Memslot.Flag.READONLY));
        Guest guest = guest();

        assertDone(guest.read(0x10000, 1));
        assertThat(guest.sum()).isEqualTo(4711);
        assertThat(guest.write(0x10000, 1)).isEqualTo(new Exit.Mmio(0x10000, 1, 8, true));
        assertThat(memory.segment().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(4711);
    }

    @Test
    @DisplayName("a touch where nothing is behind a slot is EFAULT")
    void nothingBehindASlot() {
        vm.set(slot(0, 0x10000, PAGE));
        Guest guest = guest();

        assertRefused(ErrorNumber.EFAULT, () -> guest.read(0x10000, 1));
    }

    @Test
    @DisplayName("memory of a moved slot follows it, and its last place is empty")
    void movedSlot() {
        HostMemory memory = memory(1);
        memory.segment().set(ValueLayout.JAVA_LONG, 0, 4711);
        Memslot slot = Memslot.of(0, new GuestPhysical(0x10000), memory);
        vm.set(slot);
        Guest guest = guest();
        assertDone(guest.read(0x10000, 1));

        vm.set(slot.movedTo(new GuestPhysical(0x20000)));

        assertDone(guest.read(0x20000, 1));
        assertThat(guest.sum()).isEqualTo(4711);
        assertThat(guest.read(0x10000, 1)).isInstanceOf(Exit.Mmio.class);
    }
}
