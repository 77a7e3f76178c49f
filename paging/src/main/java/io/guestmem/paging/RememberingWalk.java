package io.guestmem.paging;

import java.util.Arrays;

/**
 * {@link BlockWalk} that remembers, for 4096 times 2 MiB, where the lowest table is or which page is there: ahead on small sets of
 * tables, behind on large ones. The tables must not change. For one thread.
 *
 * <pre>{@code
 *   0 X U W 60 .. 58 | level 3 or 2 | physical address of 2 MiB of a large page
 *   0 X U W 60 .. 58 | 0            | native address of a table           the rights so far, as in a WalkResult
 * }</pre>
 *
 * <p>What is remembered holds for one access, whose rights were checked.
 */
final class RememberingWalk {
    private static final int CACHED = 4096;
    private static final int GRANULE_SHIFT = 21;
    private static final long GRANULE_OFFSET = (1L << GRANULE_SHIFT) - 1;
    /** Behind the bits of a number of 2 MiB. */
    private static final int ACCESS_SHIFT = Long.SIZE - GRANULE_SHIFT;

    private static final int LEVEL_SHIFT = 52;
    private static final long LEVEL = 7L << LEVEL_SHIFT;
    private static final long PLACE = (1L << LEVEL_SHIFT) - 1;
    /** With a level, and negative whatever offset is added. */
    private static final long NOTHING = Long.MIN_VALUE | LEVEL;

    private final BlockWalk block;
    /** Pairs of the number of 2 MiB with the access, and what is remembered. */
    private final long[] cache = new long[2 * CACHED];

    RememberingWalk(BlockWalk block) {
        this.block = block;
        Arrays.fill(cache, NOTHING);
    }

    /** A page as a {@link WalkResult}, or a negative number: then others know why. The memory is alive. */
    long walk(long linear, int access) {
        BlockRules masks = block.rules(access);
        long key = key(linear, access);
        int slot = slot(linear);
        long found = cache[slot] == key ? cache[slot + 1] : remember(linear, masks, key, slot);
        return page(found, linear, masks);
    }

    /**
     * Many at once; {@link DirectWalk#FAILED} where others know why. While everything is remembered there is no call at all, which is
     * what makes it fast.
     */
    void walkAll(long[] linear, int from, int to, int access, long[] results) {
        int next = from;
        while (next < to) {
            next = walkRemembered(linear, next, to, access, results);
            if (next < to) {
                long page = walk(linear[next], access);
                results[next++] = WalkResult.isPage(page) ? page : DirectWalk.FAILED;
            }
        }
    }

    /** Up to the first that is not remembered, or fails. */
    private int walkRemembered(long[] linear, int from, int to, int access, long[] results) {
        BlockRules masks = block.rules(access);
        for (int i = from; i < to; i++) {
            int slot = slot(linear[i]);
            if (cache[slot] != key(linear[i], access)) {
                return i;
            }
            long page = page(cache[slot + 1], linear[i], masks);
            if (!WalkResult.isPage(page)) {
                return i;
            }
            results[i] = page;
        }
        return to;
    }

    private static long key(long linear, int access) {
        return linear >>> GRANULE_SHIFT | (long) (access & (Access.COMBINATIONS - 1)) << ACCESS_SHIFT;
    }

    /** Neighbours are in neighbouring slots, and parts of a kernel, which begin at round addresses, apart from each other. */
    private static int slot(long linear) {
        return (int) (linear >>> GRANULE_SHIFT ^ linear >>> 30) << 1 & (2 * CACHED - 1);
    }

    private static long page(long found, long linear, BlockRules masks) {
        if ((found & LEVEL) != 0) {
            return found + (linear & GRANULE_OFFSET);
        }
        long pte = BlockWalk.top(found & PLACE, linear, 9);
        return masks.isPage(pte)
                ? BlockWalk.page(pte, linear, BlockWalk.PAGE_OFFSET)
                        | 1L << LEVEL_SHIFT
                        | (found & WalkResult.rights(pte, pte))
                : NOTHING;
    }

    private long remember(long linear, BlockRules masks, long key, int slot) {
        if (!block.fiveLevels()) {
            return remember(linear, masks, block.root(), -1, 0, key, slot);
        }
        long pml5e = BlockWalk.top(block.root(), linear, 45);
        return masks.isTable(pml5e) ? remember(linear, masks, block.table(pml5e), pml5e, pml5e, key, slot) : NOTHING;
    }

    private long remember(long linear, BlockRules masks, long pml4, long all5, long any5, long key, int slot) {
        long pml4e = BlockWalk.top(pml4, linear, 36);
        if (!masks.isTable(pml4e)) {
            return NOTHING;
        }
        long pdpte = block.entry(pml4e, linear, 27);
        long all = all5 & pml4e & pdpte;
        long any = any5 | pml4e | pdpte;
        long found;
        if (masks.isTable(pdpte)) {
            long pde = block.entry(pdpte, linear, 18);
            all &= pde;
            any |= pde;
            if (masks.isTable(pde)) {
                found = block.table(pde);
            } else if (masks.isLarge(pde)) {
                found = BlockWalk.page(pde, 0, BlockWalk.LARGE2_OFFSET) | 2L << LEVEL_SHIFT;
            } else {
                return NOTHING;
            }
        } else if (masks.isGigabyte(pdpte)) {
            found = BlockWalk.page(pdpte, linear & ~GRANULE_OFFSET, BlockWalk.LARGE3_OFFSET) | 3L << LEVEL_SHIFT;
        } else {
            return NOTHING;
        }
        found |= WalkResult.rights(all, any);
        cache[slot] = key;
        cache[slot + 1] = found;
        return found;
    }
}
