package io.guestmem.soft.vm;

import static io.guestmem.abi.UserspaceMemoryRegionLayout.GUEST_MEMFD;
import static io.guestmem.abi.UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES;
import static io.guestmem.abi.UserspaceMemoryRegionLayout.READONLY;

import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.soft.mmu.Memslot;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * {@code KVM_SET_USER_MEMORY_REGION} and {@code …_REGION2}: what is allowed, in the order in which the kernel looks. What is
 * allowed is done by {@link SlotChange}. Under {@code slots_lock}. Source: Linux 7.2
 * {@code kvm_main.c:check_memory_region_flags}, {@code kvm_set_memory_region}.
 */
final class MemoryRegions {
    private static final long PAGE_MASK = 4095;
    private static final long USER_END = (1L << 47) - 4096;
    private static final long MAX_PAGES = (1L << 31) - 1;

    private final VirtualMachine vm;
    private final SlotChange change;

    MemoryRegions(VirtualMachine vm) {
        this.vm = vm;
        this.change = new SlotChange(vm);
    }

    /**
     * A region as the user wants it.
     *
     * @param slot id and address space
     * @param base gpa in bytes
     * @param size in bytes
     */
    record Region(int slot, int flags, long base, long size, long hva, long memfdOffset, int memfd) {
        static Region v1(MemorySegment struct) {
            return of(struct, 0, 0);
        }

        static Region v2(MemorySegment struct) {
            return of(
                    struct,
                    UserStruct.u64(struct, UserspaceMemoryRegion2Layout.GUEST_MEMFD_OFFSET),
                    UserStruct.u32(struct, UserspaceMemoryRegion2Layout.GUEST_MEMFD));
        }

        /** The first 32 bytes of both structs are the same. */
        private static Region of(MemorySegment struct, long memfdOffset, int memfd) {
            return new Region(
                    UserStruct.u32(struct, UserspaceMemoryRegionLayout.SLOT),
                    UserStruct.u32(struct, UserspaceMemoryRegionLayout.FLAGS),
                    UserStruct.u64(struct, UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR),
                    UserStruct.u64(struct, UserspaceMemoryRegionLayout.MEMORY_SIZE),
                    UserStruct.u64(struct, UserspaceMemoryRegionLayout.USERSPACE_ADDR),
                    memfdOffset,
                    memfd);
        }

        int id() {
            return slot & 0xFFFF;
        }

        int addressSpace() {
            return slot >>> 16;
        }

        long baseGfn() {
            return base >>> 12;
        }

        long pages() {
            return size >>> 12;
        }

        boolean hasMemfd() {
            return (flags & GUEST_MEMFD) != 0;
        }
    }

    /** Version 1 knows no guest_memfd. */
    static boolean isVersion1(Region region) {
        return (region.flags() & ~(LOG_DIRTY_PAGES | READONLY)) == 0;
    }

    /** Makes a region what the user wants: 0 or a negated errno. */
    long set(Caller caller, Region region) {
        if (region.id() >= Memslot.USER_SLOTS || !areFlagsAllowed(region) || !areAddressesAllowed(region)) {
            return Failure.EINVAL;
        }
        Memslot old = vm.slots().active(region.addressSpace()).get(region.id());
        if (region.size() == 0) {
            return old == null ? Failure.EINVAL : change.delete(old);
        }
        return old == null ? create(caller, region) : modify(region, old);
    }

    private boolean areFlagsAllowed(Region region) {
        int allowed = vm.allowsGuestMemfd() ? LOG_DIRTY_PAGES | GUEST_MEMFD : LOG_DIRTY_PAGES;
        if (region.hasMemfd()) {
            allowed &= ~LOG_DIRTY_PAGES;
        } else if (vm.type().readOnlySlots()) {
            allowed |= READONLY;
        }
        return (region.flags() & ~allowed) == 0;
    }

    private boolean areAddressesAllowed(Region region) {
        if (((region.size() | region.base() | region.hva()) & PAGE_MASK) != 0 || !isUserRange(region)) {
            return false;
        }
        long memfdEnd = region.memfdOffset() + region.size();
        if (region.hasMemfd()
                && ((region.memfdOffset() & PAGE_MASK) != 0
                        || Long.compareUnsigned(memfdEnd, region.memfdOffset()) < 0)) {
            return false;
        }
        return region.addressSpace() < vm.slots().addressSpaces()
                && Long.compareUnsigned(region.base() + region.size(), region.base()) >= 0
                && region.pages() <= MAX_PAGES;
    }

    private static boolean isUserRange(Region region) {
        long end = region.hva() + region.size();
        return Long.compareUnsigned(end, region.hva()) >= 0 && Long.compareUnsigned(end, USER_END) <= 0;
    }

    private long create(Caller caller, Region region) {
        if (overlaps(region)) {
            return Failure.EEXIST;
        }
        GuestMemfd memfd = null;
        OpenFile file = null;
        if (region.hasMemfd()) {
            file = caller.file(region.memfd());
            if (file == null) {
                return Failure.EBADF;
            }
            if (!(file instanceof GuestMemfd found) || found.vm() != vm) {
                file.put();
                return Failure.EINVAL;
            }
            memfd = found;
        }
        try {
            return create(region, memfd);
        } finally {
            if (file != null) {
                file.put();
            }
        }
    }

    private long create(Region region, @Nullable GuestMemfd memfd) {
        Memslot slot = Memslot.of(
                region.addressSpace(),
                region.id(),
                region.baseGfn(),
                region.pages(),
                region.hva(),
                region.flags(),
                memfd,
                region.memfdOffset() >>> 12,
                null);
        int bound = memfd == null ? 0 : memfd.bind(slot);
        if (bound != 0) {
            return bound;
        }
        long result = endsTooHigh(region) ? Failure.EINVAL : change.create(slot);
        if (result != 0 && memfd != null) {
            memfd.unbind(slot);
        }
        return result;
    }

    private long modify(Region region, Memslot old) {
        int difference = region.flags() ^ old.flags();
        if (region.hasMemfd()
                || region.hva() != old.hva()
                || region.pages() != old.pages()
                || (difference & (READONLY | GUEST_MEMFD)) != 0) {
            return Failure.EINVAL;
        }
        if (region.baseGfn() != old.baseGfn()) {
            if (overlaps(region)) {
                return Failure.EEXIST;
            }
            return change.move(old, region.baseGfn(), region.flags(), endsTooHigh(region));
        }
        return difference == 0 ? 0 : change.flags(old, region.flags());
    }

    private boolean overlaps(Region region) {
        return vm.slots()
                .active(region.addressSpace())
                .overlaps(region.id(), region.baseGfn(), region.baseGfn() + region.pages());
    }

    /** The architecture's check, which comes last: {@code kvm_arch_prepare_memory_region}. */
    private boolean endsTooHigh(Region region) {
        return region.baseGfn() + region.pages() - 1 > vm.maxGfn();
    }
}
