package io.guestmem.soft.mmu;

import io.guestmem.abi.UserspaceMemoryRegionLayout;
import org.jspecify.annotations.Nullable;

/**
 * A memslot as a set of memslots has it: immutable, but for what its large pages and its bitmap hold. A change makes another
 * memslot.
 *
 * @param addressSpace 0, or 1 for system management mode
 * @param id below {@link #USER_SLOTS}
 * @param baseGfn the first page
 * @param pages 4 KiB pages, positive
 * @param hva of the first page, a multiple of 4096
 * @param flags of {@link UserspaceMemoryRegionLayout}, and {@link #INVALID}
 * @param privateMemory the guest_memfd, if it has one
 * @param privateIndex the page of the guest_memfd behind the first page
 * @param largePages which blocks may be mapped by large entries
 * @param dirty the bitmap, if it logs and there are no rings
 */
public record Memslot(
        int addressSpace,
        int id,
        long baseGfn,
        long pages,
        long hva,
        int flags,
        @Nullable PrivateMemory privateMemory,
        long privateIndex,
        LargePages largePages,
        @Nullable DirtyBitmap dirty) {
    /** User memslots of an address space. */
    public static final int USER_SLOTS = 32764;

    /** It is being deleted or moved. */
    public static final int INVALID = 1 << 16;

    /** A new memslot: nothing is mixed yet. */
    public static Memslot of(
            int addressSpace,
            int id,
            long baseGfn,
            long pages,
            long hva,
            int flags,
            @Nullable PrivateMemory privateMemory,
            long privateIndex,
            @Nullable DirtyBitmap dirty) {
        LargePages largePages = new LargePages(baseGfn, pages, hva);
        return new Memslot(
                addressSpace, id, baseGfn, pages, hva, flags, privateMemory, privateIndex, largePages, dirty);
    }

    /** This memslot with other flags and another bitmap; what it knows about large pages stays. */
    public Memslot with(int otherFlags, @Nullable DirtyBitmap otherDirty) {
        return new Memslot(
                addressSpace, id, baseGfn, pages, hva, otherFlags, privateMemory, privateIndex, largePages, otherDirty);
    }

    /** The first page behind it. */
    public long endGfn() {
        return baseGfn + pages;
    }

    /** Whether a page is in it. */
    public boolean contains(long gfn) {
        return gfn - baseGfn >= 0 && gfn - baseGfn < pages;
    }

    /** The hva of a page that is in it. */
    public long hva(long gfn) {
        return hva + ((gfn - baseGfn) << 12);
    }

    /** Whether the guest may not write. */
    public boolean isReadOnly() {
        return (flags & UserspaceMemoryRegionLayout.READONLY) != 0;
    }

    /** Whether writes are logged. */
    public boolean isLogging() {
        return (flags & UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES) != 0;
    }

    /** Whether it is being deleted or moved. */
    public boolean isInvalid() {
        return (flags & INVALID) != 0;
    }

    /** Whether shared accesses go to the guest_memfd too. */
    public boolean isGuestMemfdOnly() {
        return privateMemory != null && privateMemory.isMappable();
    }

    /** The number of user space: id and address space. */
    public int slot() {
        return addressSpace << 16 | id;
    }
}
