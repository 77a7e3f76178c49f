package io.guestmem.paging;

import static io.guestmem.paging.BlockWalk.NATIVE;
import static io.guestmem.paging.RawMemory.ALL;
import static io.guestmem.paging.RawMemory.LONG;
import static io.guestmem.paging.WalkPlan.TABLE_ADDRESS;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * {@link BlockWalk} that remembers, for 4096 times 2 MiB, where the lowest table is or which page is there: ahead on small sets of
 * tables, behind on large ones. The tables must not change. For one thread.
 *
 * <p>Two words for each 2 MiB. What is remembered holds for one access, whose rights were checked:
 *
 * <pre>{@code
 *   number of the 2 MiB, and the access
 *
 *   0 X U W 60 .. 58 | level 3 or 2 | physical address of 2 MiB of a large page
 *   0 X U W 60 .. 58 | 0            | native address of a table           the rights so far, as in a WalkResult
 *   1                | 7            | 0                                   others know
 * }</pre>
 */
final class RememberingWalk {
    private static final int CACHED = 4096;
    private static final int WORDS_SHIFT = 1;
    private static final int WORDS = 1 << WORDS_SHIFT;
    private static final int GRANULE_SHIFT = 21;
    private static final long GRANULE_OFFSET = (1L << GRANULE_SHIFT) - 1;
    /** Behind the bits of a number of 2 MiB. */
    private static final int ACCESS_SHIFT = Long.SIZE - GRANULE_SHIFT;

    private static final int LEVEL_SHIFT = 52;
    private static final long LARGE_ADDRESS = TABLE_ADDRESS & ~GRANULE_OFFSET;
    private static final int ENTRY_OFFSET = 511 << 3;
    private static final long GRANTS = Permissions.WRITABLE | Permissions.USER;
    private static final long LEVEL = 7L << LEVEL_SHIFT;
    private static final long PLACE = (1L << LEVEL_SHIFT) - 1;
    /** With a level, and negative whatever offset is added. */
    private static final long NOTHING = Long.MIN_VALUE | LEVEL;

    private static final MemorySegment EMPTY = Arena.global().allocate(4096, Long.BYTES);

    private final BlockWalk block;
    private final long[] cache = new long[WORDS * CACHED];

    /** Native address of the root; of five levels, of a table that has nothing, so that the others are asked. */
    private final long root;

    private final long delta;

    RememberingWalk(BlockWalk block) {
        this.block = block;
        this.root = block.fiveLevels() ? EMPTY.address() : block.root();
        this.delta = block.table(0);
        Arrays.fill(cache, NOTHING);
    }

    /**
     * A page as a {@link WalkResult}, or a negative number: then others know why. The memory is alive.
     *
     * <p>How to find what most tables have, four levels and no page of 1 GiB, stands here in full. What is seldom called is not compiled
     * into its caller, and a loop with a call in it, even one that is hardly ever made, keeps all that it has in memory instead of in
     * registers: at half the speed. For the same reason this has less than 325 bytecodes.
     */
    long walk(long linear, int access) {
        BlockRules masks = block.rules(access);
        long[] words = cache;
        int slot = slot(linear);
        long key = key(linear, access);
        long found = words[slot + 1];
        if (words[slot] != key) {
            found = NOTHING;
            long table = masks.table();
            long want = masks.wantTable();
            long base = delta & NATIVE;
            long pml4e = (long) LONG.get(ALL, root + (linear >>> 36 & ENTRY_OFFSET));
            if ((pml4e & table) == want) {
                long pdpte = (long) LONG.get(ALL, base + (pml4e & TABLE_ADDRESS) + (linear >>> 27 & ENTRY_OFFSET));
                if ((pdpte & table) == want) {
                    long pde = (long) LONG.get(ALL, base + (pdpte & TABLE_ADDRESS) + (linear >>> 18 & ENTRY_OFFSET));
                    if ((pde & table) == want) {
                        found = base + (pde & TABLE_ADDRESS);
                    } else if ((pde & masks.large()) == masks.wantLarge()) {
                        found = (pde & LARGE_ADDRESS) | 2L << LEVEL_SHIFT;
                    }
                    found |= (pml4e & pdpte & pde & GRANTS) << WalkResult.RIGHTS_SHIFT
                            | (~(pml4e | pdpte | pde) >>> 63) << WalkResult.EXECUTABLE_BIT;
                }
            }
            if (found < 0) {
                found = find(linear, masks);
            }
            words[slot] = key;
            words[slot + 1] = found;
        }
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
        return (int) (linear >>> GRANULE_SHIFT ^ linear >>> 30) << WORDS_SHIFT & (WORDS * CACHED - 1);
    }

    private static long page(long found, long linear, BlockRules masks) {
        if ((found & LEVEL) != 0) {
            return found + (linear & GRANULE_OFFSET);
        }
        long pte = (long) LONG.get(ALL, (found & PLACE) + (linear >>> 9 & ENTRY_OFFSET));
        return masks.isPage(pte)
                ? BlockWalk.page(pte, linear, BlockWalk.PAGE_OFFSET)
                        | 1L << LEVEL_SHIFT
                        | (found & WalkResult.rights(pte, pte))
                : NOTHING;
    }

    /** What is to be remembered, in all cases; {@link #NOTHING} if others know. */
    private long find(long linear, BlockRules masks) {
        long table = block.root();
        long all = -1;
        long any = 0;
        if (block.fiveLevels()) {
            long pml5e = BlockWalk.top(table, linear, 45);
            if (!masks.isTable(pml5e)) {
                return NOTHING;
            }
            table = block.table(pml5e);
            all = pml5e;
            any = pml5e;
        }
        long pml4e = BlockWalk.top(table, linear, 36);
        if (!masks.isTable(pml4e)) {
            return NOTHING;
        }
        long pdpte = block.entry(pml4e, linear, 27);
        all &= pml4e & pdpte;
        any |= pml4e | pdpte;
        if (!masks.isTable(pdpte)) {
            return masks.isGigabyte(pdpte)
                    ? BlockWalk.page(pdpte, linear & ~GRANULE_OFFSET, BlockWalk.LARGE3_OFFSET)
                            | 3L << LEVEL_SHIFT
                            | WalkResult.rights(all, any)
                    : NOTHING;
        }
        long pde = block.entry(pdpte, linear, 18);
        all &= pde;
        any |= pde;
        if (masks.isTable(pde)) {
            return block.table(pde) | WalkResult.rights(all, any);
        }
        return masks.isLarge(pde)
                ? BlockWalk.page(pde, 0, BlockWalk.LARGE2_OFFSET) | 2L << LEVEL_SHIFT | WalkResult.rights(all, any)
                : NOTHING;
    }
}
