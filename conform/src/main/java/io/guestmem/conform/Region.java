package io.guestmem.conform;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The struct of {@code KVM_SET_USER_MEMORY_REGION} and {@code …_REGION2}, field by field, with nothing checked.
 *
 * @param slot number, the address space in the upper half
 * @param flags of the interface
 * @param gpa guest_phys_addr
 * @param size memory_size
 * @param hva userspace_addr
 * @param offset guest_memfd_offset
 * @param descriptor guest_memfd
 */
record Region(int slot, int flags, long gpa, long size, long hva, long offset, int descriptor) {
    static final int LOG = UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES;
    static final int READONLY = UserspaceMemoryRegionLayout.READONLY;
    static final int GMEM = UserspaceMemoryRegionLayout.GUEST_MEMFD;

    static Region of(int slot, long gpa, long size, long hva) {
        return new Region(slot, 0, gpa, size, hva, 0, 0);
    }

    static Region of(int slot, long gpa, HostMemory memory) {
        return of(slot, gpa, memory.length(), memory.hva());
    }

    /** A slot of guest_memfd only. */
    static Region of(int slot, long gpa, long size, GuestMemfdFile file) {
        return of(slot, gpa, size, 0).withGuestMemfd(file.descriptor(), 0);
    }

    Region withSlot(int other) {
        return new Region(other, flags, gpa, size, hva, offset, descriptor);
    }

    Region withFlags(int other) {
        return new Region(slot, other, gpa, size, hva, offset, descriptor);
    }

    Region withGpa(long other) {
        return new Region(slot, flags, other, size, hva, offset, descriptor);
    }

    Region withSize(long other) {
        return new Region(slot, flags, gpa, other, hva, offset, descriptor);
    }

    Region withHva(long other) {
        return new Region(slot, flags, gpa, size, other, offset, descriptor);
    }

    /** With the flag. */
    Region withGuestMemfd(int otherDescriptor, long otherOffset) {
        return new Region(slot, flags | GMEM, gpa, size, hva, otherOffset, otherDescriptor);
    }

    /** Writes the larger struct; the smaller one is its beginning. */
    void write(MemorySegment struct) {
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.FLAGS, flags);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR, gpa);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.MEMORY_SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.USERSPACE_ADDR, hva);
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegion2Layout.GUEST_MEMFD_OFFSET, offset);
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegion2Layout.GUEST_MEMFD, descriptor);
    }
}
