package io.guestmem.soft.mmu;

/**
 * Which blocks of a memslot may be mapped by one large entry: {@code kvm_lpage_info}.
 *
 * <pre>{@code
 *   slot      |....|---------|---------|...|      base and end not aligned: head and tail never
 *   block     0         1         2       3       counted from the slot's base
 *   MIXED          no        yes                  private and shared pages in one block: not while it is so
 * }</pre>
 *
 * <p>Read under {@code mmu_lock}, changed under {@code mmu_lock} for writing. Source: Linux 7.2
 * {@code x86.c:kvm_alloc_memslot_metadata}, {@code mmu.c:hugepage_test_mixed}.
 */
public final class LargePages {
    private static final int LEVELS = 2;

    private final long baseGfn;
    private final long pages;
    private final long hostGfn;
    private final long[][] mixed = new long[LEVELS][];

    /**
     * The blocks of a slot.
     *
     * @param hva of its first page
     */
    LargePages(long baseGfn, long pages, long hva) {
        this.baseGfn = baseGfn;
        this.pages = pages;
        this.hostGfn = hva >>> 12;
    }

    /** Whether the block of a gfn must not be mapped by one entry of a level, 2 or 3. */
    public boolean isDisallowed(long gfn, int level) {
        long mask = Spte.pages(level) - 1;
        if (((baseGfn ^ hostGfn) & mask) != 0) {
            return true;
        }
        long block = block(gfn, level);
        if (block == 0 && (baseGfn & mask) != 0) {
            return true;
        }
        if ((baseGfn + pages & mask) != 0 && block == block(baseGfn + pages - 1, level)) {
            return true;
        }
        return isMixed(gfn, level);
    }

    /** Whether the pages of the block of a gfn have different attributes. */
    public boolean isMixed(long gfn, int level) {
        long[] bits = mixed[level - 2];
        long block = block(gfn, level);
        return bits != null && (bits[(int) (block >>> 6)] >>> block & 1) != 0;
    }

    /** Notes whether the pages of the block of a gfn have different attributes. */
    public void setMixed(long gfn, int level, boolean isMixed) {
        long[] bits = mixed[level - 2];
        if (bits == null) {
            if (!isMixed) {
                return;
            }
            bits = new long[(int) (block(baseGfn + pages - 1, level) >>> 6) + 1];
            mixed[level - 2] = bits;
        }
        long block = block(gfn, level);
        if (isMixed) {
            bits[(int) (block >>> 6)] |= 1L << block;
        } else {
            bits[(int) (block >>> 6)] &= ~(1L << block);
        }
    }

    private long block(long gfn, int level) {
        int shift = 9 * (level - 1);
        return (gfn >>> shift) - (baseGfn >>> shift);
    }
}
