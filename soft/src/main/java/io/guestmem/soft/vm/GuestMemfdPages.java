package io.guestmem.soft.vm;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a guest_memfd: of each its frame and its state in one word, 0 if it is absent. Thread-safe; a hit in the block
 * that was used last takes no lock and allocates nothing.
 */
final class GuestMemfdPages {
    /** More pages than this, 64 GiB, the simulated host does not have. */
    private static final long LIMIT = 1 << 24;

    private static final int BLOCK = 512;

    private static final long UP_TO_DATE = 1;

    private final Map<Long, Block> blocks = new ConcurrentHashMap<>();
    private volatile @Nullable Block last;

    private record Block(long number, AtomicLongArray words) {}

    long get(long index) {
        Block block = find(index / BLOCK);
        return block == null ? 0 : block.words().get((int) (index % BLOCK));
    }

    /** Notes a page with a frame; its content is undefined if it is not up to date. */
    void set(long index, long pfn, boolean upToDate) {
        Block block = blocks.computeIfAbsent(index / BLOCK, number -> new Block(number, new AtomicLongArray(BLOCK)));
        block.words().set((int) (index % BLOCK), pfn << 1 | (upToDate ? UP_TO_DATE : 0));
    }

    void remove(long from, long to) {
        last = null;
        if (to - from > BLOCK * (long) blocks.size()) {
            for (Block block : blocks.values()) {
                long first = block.number() * BLOCK;
                clear(block, Math.max(from, first), Math.min(to, first + BLOCK));
            }
            return;
        }
        for (long index = from; index < to; index++) {
            Block block = find(index / BLOCK);
            if (block != null) {
                clear(block, index, index + 1);
            }
        }
    }

    /** Tells the frames of pages that have one. */
    void forEach(long from, long to, LongConsumer action) {
        for (Block block : blocks.values()) {
            for (int i = 0; i < BLOCK; i++) {
                long index = block.number() * BLOCK + i;
                long word = block.words().get(i);
                if (word != 0 && index >= from && index < to) {
                    action.accept(pfn(word));
                }
            }
        }
    }

    private void clear(Block block, long from, long to) {
        for (long index = from; index < to; index++) {
            block.words().set((int) (index % BLOCK), 0);
        }
    }

    /** Whether the host has memory for one more page. */
    boolean mayGrow() {
        return (long) blocks.size() * BLOCK < LIMIT;
    }

    static boolean isUpToDate(long word) {
        return (word & UP_TO_DATE) != 0;
    }

    static long pfn(long word) {
        return word >>> 1;
    }

    private @Nullable Block find(long number) {
        Block recent = last;
        if (recent != null && recent.number() == number) {
            return recent;
        }
        Block block = blocks.get(number);
        last = block;
        return block;
    }
}
