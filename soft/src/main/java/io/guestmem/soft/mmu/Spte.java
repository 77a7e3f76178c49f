package io.guestmem.soft.mmu;

import java.util.ArrayList;
import java.util.List;

/**
 * A stage-2 entry (SPTE), in the layout of EPT:
 *
 * <pre>{@code
 *   63  62 61..60 59..56  55  54  53  52  51 .. 12    11    10   9  8  7   6..3   2  1  0
 *   VE  xu  A/D    0      mw   x  hw   r  pfn         MMU   XU   D  A  PS  WB     X  W  R
 *                                                   present
 * }</pre>
 *
 * <ul>
 *   <li>hw: the host's page is writable; mw: KVM may make the entry writable. W implies mw implies hw.
 *   <li>A/D: 0 the processor sets A and D; 1 it does not; 2 it does, but writes are to be tracked by write protection.
 *   <li>r, x, xu: R, X and XU of an entry that was made inaccessible to notice the next access.
 *   <li>A table has R, W, X, XU and A, and in place of the pfn the native address of the table, which is a physical address of
 *       the simulated kernel.
 *   <li>An MMIO entry is misconfigured on purpose (write and execute without read) and has the generation of the memslots in
 *       bits 3–9 and 52–62, the gfn in place of the pfn.
 * </ul>
 *
 * <p>Pure functions. Source: Linux 7.2 {@code arch/x86/kvm/mmu/spte.h}, {@code spte.c:make_spte}.
 */
public final class Spte {
    /** R. */
    public static final long READABLE = 1;
    /** W. */
    public static final long WRITABLE = 1 << 1;
    /** X. */
    public static final long EXECUTABLE = 1 << 2;
    /** XU, set together with X. */
    public static final long USER_EXECUTABLE = 1 << 10;
    /** Write-back, whatever the guest's PAT says. */
    public static final long MEMORY_TYPE = (6 << 3) | (1 << 6);
    /** PS: a leaf above 4 KiB. */
    public static final long LARGE = 1 << 7;
    /** A. */
    public static final long ACCESSED = 1 << 8;
    /** D. */
    public static final long DIRTY = 1 << 9;
    /** Tells a present entry from an MMIO entry. */
    public static final long MMU_PRESENT = 1 << 11;
    /** hw. */
    public static final long HOST_WRITABLE = 1L << 53;
    /** mw. */
    public static final long MMU_WRITABLE = 1L << 55;
    /** The A/D type of a processor without A and D bits. */
    public static final long AD_DISABLED = 1L << 60;
    /** The A/D type of an entry whose writes are tracked by write protection. */
    public static final long AD_WRITE_PROTECT = 2L << 60;
    /** An entry that never mapped anything: only "suppress #VE". */
    public static final long NEVER_MAPPED = 1L << 63;
    /** An entry of a table that somebody is taking apart. */
    public static final long FROZEN = NEVER_MAPPED | 0x1a0;

    private static final long AD_MASK = 3L << 60;
    private static final long EXECUTE_MASK = EXECUTABLE | USER_EXECUTABLE;
    private static final long ACCESS_MASK = READABLE | WRITABLE | EXECUTE_MASK;
    private static final long SAVED_MASK = READABLE | EXECUTE_MASK;
    private static final int SAVED_SHIFT = 52;
    private static final long MMIO_VALUE = 6;
    private static final long MMIO_MASK = 7 | NEVER_MAPPED | MMU_PRESENT;
    private static final int MMIO_LOW_BITS = 7;
    private static final int MMIO_LOW_SHIFT = 3;
    private static final int MMIO_HIGH_SHIFT = 52;
    private static final long ADDRESS_MASK = (1L << 52) - (1 << 12);

    /** The bits of the memslots' generation that an MMIO entry has. */
    public static final long MMIO_GENERATION_MASK = (1 << 18) - 1;

    private Spte() {}

    /** Pages of 4 KiB that an entry of a level covers: 1, 512, 262144 … */
    public static long pages(int level) {
        return 1L << (9 * (level - 1));
    }

    /** The index of a gfn in the table whose entries are of a level. */
    public static int index(long gfn, int level) {
        return (int) (gfn >>> (9 * (level - 1))) & 511;
    }

    /**
     * A leaf.
     *
     * @param writable whether the access allows writes, if the host's page does too
     * @param prefetch whether nobody has accessed it yet
     * @param adType 0, {@link #AD_DISABLED} or {@link #AD_WRITE_PROTECT}
     */
    public static long leaf(
            long pfn,
            int level,
            boolean writable,
            boolean hostWritable,
            boolean executable,
            boolean prefetch,
            long adType) {
        long spte = MMU_PRESENT | READABLE | MEMORY_TYPE | adType | pfn << 12;
        spte |= level > 1 ? LARGE : 0;
        spte |= executable ? EXECUTE_MASK : 0;
        spte |= prefetch ? 0 : ACCESSED;
        if (hostWritable) {
            spte |= HOST_WRITABLE;
            spte |= writable ? WRITABLE | MMU_WRITABLE | DIRTY : 0;
        }
        return prefetch ? trackAccess(spte) : spte;
    }

    /** A pointer to a table. */
    public static long table(long address, long adType) {
        return MMU_PRESENT | address | ACCESS_MASK | ACCESSED | (adType == AD_DISABLED ? AD_DISABLED : 0);
    }

    /** An MMIO entry. */
    public static long mmio(long gfn, long generation) {
        long low = generation & (1 << MMIO_LOW_BITS) - 1;
        long high = (generation & MMIO_GENERATION_MASK) >>> MMIO_LOW_BITS;
        return MMIO_VALUE | low << MMIO_LOW_SHIFT | high << MMIO_HIGH_SHIFT | gfn << 12;
    }

    /** One of the entries that replace a larger leaf. */
    public static long small(long large, int index, int level, boolean executable) {
        long spte = large | (index * pages(level)) << 12;
        if (level > 1) {
            return spte;
        }
        spte &= ~LARGE;
        return executable ? makeExecutable(spte) : spte;
    }

    /** The leaf that replaces a table, made from one of its entries. */
    public static long large(long small, int level, boolean executable) {
        long spte = (small | LARGE) & ~((pages(level) - 1) << 12);
        return executable ? spte : spte & ~(EXECUTE_MASK | EXECUTE_MASK << SAVED_SHIFT);
    }

    /** Executable, or executable once it is accessible again. */
    private static long makeExecutable(long spte) {
        return isAccessTracked(spte) ? spte | EXECUTE_MASK << SAVED_SHIFT : spte | EXECUTE_MASK;
    }

    /** The entry such that the next access is noticed: without A, or inaccessible where the processor sets no A. */
    public static long trackAccess(long spte) {
        if ((spte & AD_MASK) != AD_DISABLED) {
            return spte & ~ACCESSED;
        }
        if (isAccessTracked(spte)) {
            return spte;
        }
        return (spte | (spte & SAVED_MASK) << SAVED_SHIFT) & ~(ACCESS_MASK | ACCESSED);
    }

    /** The entry accessible again, read-only. */
    public static long restoreAccess(long spte) {
        long saved = spte >>> SAVED_SHIFT & SAVED_MASK;
        return (spte & ~ACCESS_MASK & ~(SAVED_MASK << SAVED_SHIFT)) | saved;
    }

    /** Whether it was made inaccessible to notice the next access. */
    public static boolean isAccessTracked(long spte) {
        return (spte & AD_MASK) == AD_DISABLED && (spte & ACCESS_MASK) == 0;
    }

    /** Whether it points to a table or maps memory. */
    public static boolean isPresent(long spte) {
        return (spte & MMU_PRESENT) != 0;
    }

    /** Whether it maps memory; level is that of the table that it is in. */
    public static boolean isLeaf(long spte, int level) {
        return isPresent(spte) && (level == 1 || (spte & LARGE) != 0);
    }

    /** Whether it points to a table. */
    public static boolean isTable(long spte, int level) {
        return isPresent(spte) && level > 1 && (spte & LARGE) == 0;
    }

    /** Whether somebody is taking apart the table that it is in. */
    public static boolean isFrozen(long spte) {
        return spte == FROZEN;
    }

    /** Whether it remembers that there is no memslot. */
    public static boolean isMmio(long spte) {
        return (spte & MMIO_MASK) == MMIO_VALUE;
    }

    /** The generation in an MMIO entry. */
    public static long mmioGeneration(long spte) {
        long low = spte >>> MMIO_LOW_SHIFT & (1 << MMIO_LOW_BITS) - 1;
        return low | (spte >>> MMIO_HIGH_SHIFT & MMIO_GENERATION_MASK >>> MMIO_LOW_BITS) << MMIO_LOW_BITS;
    }

    /** Whether the processor would let an access pass. */
    public static boolean allows(long spte, boolean write, boolean exec) {
        long wanted = exec ? EXECUTABLE : write ? WRITABLE : READABLE;
        return (spte & wanted) != 0;
    }

    /** W. */
    public static boolean isWritable(long spte) {
        return (spte & WRITABLE) != 0;
    }

    /** Whether the processor sets A and D. */
    public static boolean hasAccessedDirty(long spte) {
        return (spte & AD_MASK) != AD_DISABLED;
    }

    /** The frame that a leaf maps, its first. */
    public static long pfn(long spte) {
        return (spte & ADDRESS_MASK) >>> 12;
    }

    /** The entry without what differs from run to run: a table's address. */
    public static long reproducible(long spte, int level) {
        return isTable(spte, level) ? spte & ~ADDRESS_MASK : spte;
    }

    /** The native address of the table that a table entry points to. */
    public static long tableAddress(long spte) {
        return spte & ADDRESS_MASK;
    }

    /** An entry in words, such as {@code pfn 0x1234 rwx A D host-writable mmu-writable}. */
    public static String describe(long spte, int level) {
        if (spte == NEVER_MAPPED || spte == FROZEN) {
            return spte == FROZEN ? "frozen" : "none";
        }
        if (isMmio(spte)) {
            return "mmio gfn 0x" + Long.toHexString(pfn(spte)) + " generation " + mmioGeneration(spte);
        }
        List<String> words = new ArrayList<>();
        words.add(isTable(spte, level) ? "table" : "pfn 0x" + Long.toHexString(pfn(spte)));
        words.add(((spte & READABLE) != 0 ? "r" : "-")
                + ((spte & WRITABLE) != 0 ? "w" : "-")
                + ((spte & EXECUTABLE) != 0 ? "x" : "-"));
        addIf(words, (spte & ACCESSED) != 0, "A");
        addIf(words, (spte & DIRTY) != 0, "D");
        addIf(words, (spte & HOST_WRITABLE) != 0, "host-writable");
        addIf(words, (spte & MMU_WRITABLE) != 0, "mmu-writable");
        addIf(words, isAccessTracked(spte), "access-tracked");
        return String.join(" ", words);
    }

    private static void addIf(List<String> words, boolean condition, String word) {
        if (condition) {
            words.add(word);
        }
    }
}
