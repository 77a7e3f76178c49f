package io.guestmem.paging;

/**
 * How linear addresses become physical ones.
 *
 * <p>EFER.LMA chooses between {@link #PAE} and the long modes, not EFER.LME; CR4.LA57 counts only with LMA. Compatibility mode
 * (LMA with CS.L = 0) walks as 64-bit mode does.
 */
public enum PagingMode {
    /** CR0.PG = 0: the linear address is the physical one. */
    NONE(0, 8),
    /** Two levels of 1024 entries of 4 bytes; large pages of 4 MiB with CR4.PSE. */
    BITS_32(2, 4),
    /** Four registers, then two levels of 512 entries of 8 bytes; large pages of 2 MiB. */
    PAE(2, 8),
    /** Four levels of 512 entries of 8 bytes; large pages of 2 MiB and 1 GiB. */
    LEVEL_4(4, 8),
    /** Five levels of 512 entries of 8 bytes; large pages of 2 MiB and 1 GiB. */
    LEVEL_5(5, 8);

    private static final long PG = 1L << 31;
    private static final long PAE_BIT = 1L << 5;
    private static final long LA57 = 1L << 12;
    private static final long LMA = 1L << 10;

    private final int levels;
    private final int entrySize;

    PagingMode(int levels, int entrySize) {
        this.levels = levels;
        this.entrySize = entrySize;
    }

    /** The mode that control registers choose. */
    public static PagingMode of(long cr0, long cr4, long efer) {
        if ((cr0 & PG) == 0) {
            return NONE;
        }
        if ((cr4 & PAE_BIT) == 0) {
            return BITS_32;
        }
        if ((efer & LMA) == 0) {
            return PAE;
        }
        return (cr4 & LA57) == 0 ? LEVEL_4 : LEVEL_5;
    }

    /** The levels of tables in memory that a walk goes through at most; the registers of {@link #PAE} are not among them. */
    public int levels() {
        return levels;
    }

    /** The bytes of an entry: 4 or 8. */
    public int entrySize() {
        return entrySize;
    }

    /** Whether it is one of the long modes. */
    public boolean isLong() {
        return this == LEVEL_4 || this == LEVEL_5;
    }

    /** The bits of a linear address that are below the index into a table of a level; 1 is the lowest level. */
    public int shift(int level) {
        return 12 + (level - 1) * indexBits();
    }

    /** The index into a table of a level. */
    public int index(long linear, int level) {
        return (int) (linear >>> shift(level)) & (1 << indexBits()) - 1;
    }

    private int indexBits() {
        return entrySize == 4 ? 10 : 9;
    }
}
