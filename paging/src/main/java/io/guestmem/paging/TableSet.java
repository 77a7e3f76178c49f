package io.guestmem.paging;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLongArray;

/** A set of physical pages: bits, 32768 to a chunk. Thread-safe. */
final class TableSet {
    private static final int CHUNK_SHIFT = 15;
    private static final int WORDS = 1 << CHUNK_SHIFT >> 6;
    private static final int PAGE_SHIFT = 12;

    private final ConcurrentMap<Long, AtomicLongArray> chunks = new ConcurrentHashMap<>();

    /** Whether the page was not in the set. */
    boolean add(long address) {
        long page = address >>> PAGE_SHIFT;
        AtomicLongArray chunk = chunk(page >>> CHUNK_SHIFT);
        int word = (int) (page >>> 6) & (WORDS - 1);
        long bit = 1L << page;
        return (chunk.getAndAccumulate(word, bit, (before, more) -> before | more) & bit) == 0;
    }

    /** Asks before it makes: {@code computeIfAbsent} may lock even if there is one, and threads then go in single file. */
    private AtomicLongArray chunk(long number) {
        AtomicLongArray chunk = chunks.get(number);
        return chunk != null ? chunk : chunks.computeIfAbsent(number, _ -> new AtomicLongArray(WORDS));
    }
}
