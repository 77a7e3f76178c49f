package io.guestmem.soft.host;

/**
 * One entry of a host page table, in one long, so that it is read and changed whole:
 *
 * <pre>{@code
 *   63   62         61        60          59 .. 58   57 .. 52   51 .. 0
 *   0    writable   present   anonymous   absence    level      pfn, or swap slot
 * }</pre>
 *
 * <p>Pfn, level and writable stand where {@link HostFault} has them. Anonymous pages belong to processes, the others are a
 * file's or the zero page. An entry that is not present says why by its absence: nothing there, a page behind
 * {@code PROT_NONE}, a swapped page, a poisoned one. The value 0 is a slot with nothing, or with a table behind it.
 */
final class Entry {
    static final long WRITABLE = 1L << 62;
    static final long ANONYMOUS = 1L << 60;

    private static final long PRESENT = 1L << 61;
    private static final int ABSENCE_SHIFT = 58;
    private static final long ABSENCE = 3L << ABSENCE_SHIFT;
    private static final long HIDDEN = 1L << ABSENCE_SHIFT;
    private static final long SWAPPED = 2L << ABSENCE_SHIFT;
    private static final long POISONED = 3L << ABSENCE_SHIFT;
    private static final int LEVEL_SHIFT = 52;
    private static final long LEVEL_MASK = 0x3F;
    private static final long NUMBER_MASK = (1L << LEVEL_SHIFT) - 1;
    private static final long FLAGS = WRITABLE | PRESENT | ANONYMOUS | ABSENCE;

    private Entry() {}

    /** A present page; flags are {@link #WRITABLE} and {@link #ANONYMOUS}. */
    static long page(long pfn, int level, long flags) {
        return PRESENT | flags | (long) level << LEVEL_SHIFT | pfn;
    }

    /** An anonymous page in a swap slot. */
    static long swapped(long slot) {
        return SWAPPED | ANONYMOUS | (long) Level.SMALL << LEVEL_SHIFT | slot;
    }

    /** The entry of a page that broke. */
    static long poisoned(long entry) {
        return (entry & ~(PRESENT | WRITABLE | ABSENCE)) | POISONED;
    }

    /** The same page behind {@code PROT_NONE}. */
    static long hidden(long entry) {
        return (entry & ~(PRESENT | WRITABLE)) | HIDDEN;
    }

    /** The same page, read-only; what is hidden stays so. */
    static long readOnly(long entry) {
        return entry & ~WRITABLE;
    }

    /** The same page, present and no longer hidden. */
    static long shown(long entry) {
        return (entry & ~ABSENCE) | PRESENT;
    }

    /** The same kind of entry for one 4 KiB page of a huge one. */
    static long small(long entry, long index) {
        long number = pfn(entry) == Frames.HUGE_ZERO_PFN ? Frames.ZERO_PFN : pfn(entry) + index;
        return (entry & FLAGS) | (long) Level.SMALL << LEVEL_SHIFT | number;
    }

    static boolean isPresent(long entry) {
        return (entry & PRESENT) != 0;
    }

    static boolean isWritable(long entry) {
        return (entry & WRITABLE) != 0;
    }

    static boolean isAnonymous(long entry) {
        return (entry & ANONYMOUS) != 0;
    }

    static boolean isHidden(long entry) {
        return (entry & ABSENCE) == HIDDEN;
    }

    static boolean isSwapped(long entry) {
        return (entry & ABSENCE) == SWAPPED;
    }

    static boolean isPoisoned(long entry) {
        return (entry & ABSENCE) == POISONED;
    }

    /** Whether there is a page with a frame, to be used or hidden. */
    static boolean hasFrame(long entry) {
        return isPresent(entry) || isHidden(entry);
    }

    /** Whether the page is a shared zero page, of either size. */
    static boolean isZeroPage(long entry) {
        return hasFrame(entry) && (pfn(entry) == Frames.ZERO_PFN || pfn(entry) == Frames.HUGE_ZERO_PFN);
    }

    static long pfn(long entry) {
        return entry & NUMBER_MASK;
    }

    static long slot(long entry) {
        return entry & NUMBER_MASK;
    }

    static int level(long entry) {
        return (int) (entry >>> LEVEL_SHIFT & LEVEL_MASK);
    }

    /** Whether the access needs no fault. */
    static boolean allows(long entry, boolean write) {
        long need = write ? PRESENT | WRITABLE : PRESENT;
        return (entry & need) == need;
    }

    /** The {@link HostFault} of the 4 KiB page of an address in a present page. */
    static long fault(long entry, long hva) {
        long within = hva >>> Level.PAGE_SHIFT & Level.frames(level(entry)) - 1;
        return (entry & ~(PRESENT | ANONYMOUS | ABSENCE)) + within;
    }
}
