package io.guestmem.soft.host;

/** Page sizes of the host: level 1 is 4 KiB, level 2 is 2 MiB, level 3 is 1 GiB. */
final class Level {
    static final int SMALL = 1;
    static final int HUGE = 2;
    static final int GIGANTIC = 3;

    static final int PAGE_SHIFT = 12;
    static final long PAGE = 1L << PAGE_SHIFT;

    private static final int INDEX_BITS = 9;

    private Level() {}

    static int shift(int level) {
        return PAGE_SHIFT + INDEX_BITS * (level - 1);
    }

    static long bytes(int level) {
        return 1L << shift(level);
    }

    /** How many 4 KiB frames a page has. */
    static long frames(int level) {
        return 1L << (INDEX_BITS * (level - 1));
    }

    /** The page that an address is in. */
    static long down(long address, int level) {
        return address & -bytes(level);
    }

    static long up(long address, int level) {
        return down(address + bytes(level) - 1, level);
    }

    static boolean isAligned(long address, int level) {
        return (address & bytes(level) - 1) == 0;
    }
}
