package io.guestmem.bench;

/** How large stage 2 must be. */
final class TableSize {
    private static final long TABLE = 4096;
    private static final int ENTRIES = 512;
    private static final int LEVELS = 4;

    private TableSize() {}

    /** Bytes of four levels of tables over pages from gpa 0 on: 8 for each page, in whole tables, and the levels above. */
    static long theory(long pages) {
        long bytes = 0;
        long entries = pages;
        for (int level = 1; level <= LEVELS; level++) {
            entries = Math.ceilDiv(entries, ENTRIES);
            bytes += entries * TABLE;
        }
        return bytes;
    }
}
