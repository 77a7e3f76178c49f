package io.guestmem.kvm;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * A memslot: a range of guest-physical memory and what is behind it. A value; nothing is checked here but in the kernel.
 *
 * @param id 0 to 32763
 * @param addressSpace 0, or 1 for system management mode
 * @param range multiples of 4096; size 0 deletes the slot
 * @param hva the memory of this process behind it, a multiple of 4096; ignored by private accesses
 * @param flags what KVM does with it
 * @param backing the guest_memfd behind private accesses (behind all accesses, if it was made with the MMAP flag)
 */
public record Memslot(
        int id, int addressSpace, GuestRange range, HostVirtual hva, Set<Flag> flags, Optional<Backing> backing) {

    /** Copies the flags. */
    public Memslot {
        flags = Set.copyOf(flags);
    }

    /** What KVM does with a slot. */
    public enum Flag {
        /** {@code KVM_MEM_LOG_DIRTY_PAGES}: keep a bitmap of what the guest writes. */
        LOG_DIRTY_PAGES,
        /** {@code KVM_MEM_READONLY}: a write of the guest is an MMIO exit. */
        READONLY
    }

    /**
     * A part of a guest_memfd.
     *
     * @param file of the same VM
     * @param offset in bytes, a multiple of 4096
     */
    public record Backing(GuestMemfd file, long offset) {}

    /** A slot of normal memory, at a guest-physical address. */
    public static Memslot of(int id, GuestPhysical gpa, HostMemory memory) {
        return of(id, new GuestRange(gpa, memory.length()), new HostVirtual(memory.hva()));
    }

    /** A slot of normal memory. */
    public static Memslot of(int id, GuestRange range, HostVirtual hva) {
        return new Memslot(id, 0, range, hva, EnumSet.noneOf(Flag.class), Optional.empty());
    }

    /** The same slot with a guest_memfd behind it. */
    public Memslot backedBy(GuestMemfd file, long offset) {
        return new Memslot(id, addressSpace, range, hva, flags, Optional.of(new Backing(file, offset)));
    }

    /** The same slot with a flag more. */
    public Memslot with(Flag flag) {
        Set<Flag> more = EnumSet.of(flag);
        more.addAll(flags);
        return new Memslot(id, addressSpace, range, hva, more, backing);
    }

    /** The same slot with a flag less. */
    public Memslot without(Flag flag) {
        Set<Flag> fewer = EnumSet.noneOf(Flag.class);
        fewer.addAll(flags);
        fewer.remove(flag);
        return new Memslot(id, addressSpace, range, hva, fewer, backing);
    }

    /** The same slot somewhere else in guest-physical memory. */
    public Memslot movedTo(GuestPhysical gpa) {
        return new Memslot(id, addressSpace, new GuestRange(gpa, range.size()), hva, flags, backing);
    }

    /** The slot number as the kernel takes it: the address space in the upper half. */
    int slot() {
        return addressSpace << 16 | id;
    }

    /** The number of pages, for bitmaps. */
    long pages() {
        return range.size() / GuestPhysical.PAGE_SIZE;
    }
}
