package io.guestmem.paging;

import java.util.Arrays;

/**
 * Walks of the long modes that remember, for 4096 times 2 MiB, where the lowest table is or which page is there: ahead on small
 * sets of tables, behind on large ones. The tables must not change. For one thread.
 *
 * <pre>{@code
 *   0 X U W 60 .. 58 | level 3 or 2 | physical address of 2 MiB of a large page
 *   0 X U W 60 .. 58 | 0            | native address of a table           the rights so far, as in a WalkResult
 * }</pre>
 */
final class RememberingWalk {
    private static final int CACHED = 4096;
    private static final int GRANULE_SHIFT = 21;
    private static final long GRANULE_OFFSET = (1L << GRANULE_SHIFT) - 1;
    private static final long PAGE_OFFSET = 4095;
    private static final long NOTHING = -1;
    private static final int LEVEL_SHIFT = 52;
    private static final long LEVEL = 7L << LEVEL_SHIFT;
    private static final long PLACE = (1L << LEVEL_SHIFT) - 1;
    private static final long TABLE_SIZE = 4096;

    private final DirectRules rules;
    private final DirectWalk direct;
    /** Pairs of 2 MiB number and what is remembered. */
    private final long[] cache = new long[2 * CACHED];

    RememberingWalk(DirectRules rules, DirectWalk direct) {
        this.rules = rules;
        this.direct = direct;
        Arrays.fill(cache, NOTHING);
    }

    /** A page as a {@link WalkResult}, or {@link DirectWalk#FAILED}: then {@link Walker} knows why. The memory is alive. */
    long walk(long linear, int access) {
        long granule = linear >>> GRANULE_SHIFT;
        int slot = (int) (granule << 1) & (2 * CACHED - 1);
        long found = cache[slot] == granule ? cache[slot + 1] : remember(linear, granule, slot);
        if ((found & LEVEL) != 0) {
            return permitted(found + (linear & GRANULE_OFFSET), access);
        }
        if (found == 0) {
            return direct.walk(linear, access);
        }
        long pte = RawMemory.read64((found & PLACE) + DirectWalk.offset(linear, 12));
        if ((pte & rules.page1) != DirectRules.PRESENT) {
            return DirectWalk.FAILED;
        }
        long page = (pte & WalkPlan.TABLE_ADDRESS) | (linear & PAGE_OFFSET) | 1L << LEVEL_SHIFT;
        return permitted(page | (found & WalkResult.rights(pte, pte)), access);
    }

    private long permitted(long page, int access) {
        return rules.grants(access, page) ? page : DirectWalk.FAILED;
    }

    /** 0 if there is nothing to remember: no table that is readable as a whole, and no page. */
    private long remember(long linear, long granule, int slot) {
        long upper = direct.upper(linear);
        long middle = direct.middle(linear, upper, DirectWalk.read(direct.placeOfMiddle(upper)));
        if (middle == DirectWalk.FAILED) {
            return 0;
        }
        long rights = WalkResult.rights(middle, middle);
        long found = rights | DirectWalk.largeLevel(middle) << LEVEL_SHIFT | (middle & WalkPlan.TABLE_ADDRESS);
        if ((found & LEVEL) == 0) {
            long table = direct.memory().place(middle & WalkPlan.TABLE_ADDRESS, TABLE_SIZE);
            if (table == 0) {
                return 0;
            }
            found = rights | table;
        }
        cache[slot] = granule;
        cache[slot + 1] = found;
        return found;
    }
}
