package io.guestmem.soft.mmu;

import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * The memory of stage-2 tables: pages of 512 entries, off-heap.
 *
 * <p>Tables come from chunks of 2 MiB, aligned to their size. The first page of a chunk has a word for each table:
 *
 * <pre>{@code
 *   63    42 .. 4     3     2 .. 0
 *   0     gfn >> 9    NX    level of the entries
 * }</pre>
 *
 * <p>A table that was taken out of a tree is used again only when no reader can be in it any more. Thread-safe; {@link #close}
 * is called when nobody uses any table.
 */
public final class PageTables implements AutoCloseable {
    /** The size of a table in bytes. */
    public static final long TABLE_SIZE = 4096;

    private static final long CHUNK_SIZE = 2 << 20;
    private static final int ENTRIES = 512;
    private static final long NX_DISALLOWED = 1 << 3;

    private final KernelMemory.Area area;
    private final ReadSections readers;

    /** Tables that nobody uses. Guarded by this object. */
    private long[] free = new long[ENTRIES];

    private int freeCount;

    /** Tables that readers may still be in, in the order of their stamps. Guarded by this object. */
    private final ArrayDeque<Retired> retired = new ArrayDeque<>();

    /** Tables in use, or retired and not free yet. Guarded by this object. */
    private long used;

    private record Retired(long table, long stamp) {}

    /**
     * No tables yet.
     *
     * @param readers who walk tables without a lock
     * @param memory where they are
     */
    public PageTables(ReadSections readers, KernelMemory memory) {
        this.area = memory.open();
        this.readers = readers;
    }

    /**
     * A table whose entries never mapped anything.
     *
     * @param gfn the first page that it covers
     * @param level of its entries
     * @return its native address
     */
    long allocate(long gfn, int level) {
        long table = take();
        for (long entry = table; entry < table + TABLE_SIZE; entry += Long.BYTES) {
            NativeMemory.set(entry, Spte.NEVER_MAPPED);
        }
        NativeMemory.set(description(table), gfn >>> 9 << 4 | level);
        return table;
    }

    private synchronized long take() {
        while (freeCount == 0
                && !retired.isEmpty()
                && readers.isOver(retired.getFirst().stamp())) {
            push(retired.removeFirst().table());
            used--;
        }
        if (freeCount == 0) {
            addChunk();
        }
        used++;
        return free[--freeCount];
    }

    private void addChunk() {
        long chunk = area.allocate(CHUNK_SIZE, CHUNK_SIZE).address();
        for (long table = chunk + CHUNK_SIZE - TABLE_SIZE; table > chunk; table -= TABLE_SIZE) {
            push(table);
        }
    }

    /** A free table has no level: nobody takes it for one that is in use. */
    private void push(long table) {
        NativeMemory.set(description(table), 0);
        if (freeCount == free.length) {
            free = Arrays.copyOf(free, freeCount * 2);
        }
        free[freeCount++] = table;
    }

    /** A table that was in no tree is free at once. */
    synchronized void freeUnused(long table) {
        push(table);
        used--;
    }

    /** A table that was taken out of its tree is free when no reader can be in it. */
    void retire(long table) {
        long stamp = readers.stamp();
        synchronized (this) {
            retired.addLast(new Retired(table, stamp));
        }
    }

    /** Tables that are in trees, or that readers may still be in. */
    synchronized long used() {
        while (!retired.isEmpty() && readers.isOver(retired.getFirst().stamp())) {
            push(retired.removeFirst().table());
            used--;
        }
        return used;
    }

    /** Whether the mitigation for executable huge pages is why this table is there. */
    static boolean isNxDisallowed(long table) {
        return (NativeMemory.getAcquire(description(table)) & NX_DISALLOWED) != 0;
    }

    /** Notes whether the mitigation for executable huge pages is why this table is there. */
    static void setNxDisallowed(long table, boolean disallowed) {
        long description = NativeMemory.get(description(table));
        NativeMemory.set(description(table), disallowed ? description | NX_DISALLOWED : description & ~NX_DISALLOWED);
    }

    /** The first page that a table covers. */
    static long gfn(long table) {
        return NativeMemory.get(description(table)) >>> 4 << 9;
    }

    /** The address of a table's word. */
    static long description(long table) {
        long chunk = table & -CHUNK_SIZE;
        return chunk + ((table - chunk) >>> 12) * Long.BYTES;
    }

    /** Frees all memory. */
    @Override
    public void close() {
        area.close();
    }
}
