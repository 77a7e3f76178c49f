package io.guestmem.paging;

/**
 * The bits that must be zero in a present entry, by level, for tables and for leaves.
 *
 * <p>Source: Linux 7.2 {@code mmu.c:reset_guest_rsvds_bits_mask}; Intel SDM volume 3, 5.3 to 5.5; AMD APM volume 2, 5.3.
 */
final class ReservedBits {
    private static final long NO_EXECUTE = 1L << 63;
    private static final long PAGE_SIZE_BIT = 1L << 7;
    private static final long GLOBAL = 1L << 8;
    private static final int LEVELS = 5;

    /** By level; index 0 is unused. */
    private final long[] tables = new long[LEVELS + 1];

    private final long[] leaves = new long[LEVELS + 1];

    private ReservedBits() {}

    /** The reserved bits of a mode; {@code noExecute} is EFER.NXE. */
    static ReservedBits of(PagingMode mode, PagingFeatures features, boolean noExecute) {
        ReservedBits bits = new ReservedBits();
        switch (mode) {
            case NONE -> {}
            case BITS_32 -> bits.leaves[2] = range(13 + features.pse36Bits(), 21);
            case PAE -> bits.pae(range(features.maxPhysicalAddressBits(), 62) | (noExecute ? 0 : NO_EXECUTE));
            case LEVEL_4, LEVEL_5 ->
                bits.longMode(range(features.maxPhysicalAddressBits(), 51) | (noExecute ? 0 : NO_EXECUTE), features);
        }
        return bits;
    }

    private void pae(long high) {
        tables[2] = high;
        leaves[2] = high | range(13, 20);
        leaves[1] = high;
    }

    private void longMode(long high, PagingFeatures features) {
        long top = high | PAGE_SIZE_BIT | (features.amdCompatible() ? GLOBAL : 0);
        long noGigabytes = features.gigabytePages() ? 0 : PAGE_SIZE_BIT;
        tables[5] = top;
        tables[4] = top;
        tables[3] = high;
        leaves[3] = high | noGigabytes | range(13, 29);
        tables[2] = high;
        leaves[2] = high | range(13, 20);
        leaves[1] = high;
    }

    /** Of an entry that points to a table. */
    long table(int level) {
        return tables[level];
    }

    /** Of an entry that maps a page. */
    long leaf(int level) {
        return leaves[level];
    }

    /** The bits {@code from} to {@code to}, both included; none if {@code from} is above {@code to}. */
    static long range(int from, int to) {
        return from > to ? 0 : (-1L >>> (63 - (to - from))) << from;
    }
}
