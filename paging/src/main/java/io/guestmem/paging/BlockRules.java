package io.guestmem.paging;

import java.util.function.IntPredicate;

/**
 * The rules of a long mode for one access as masks, for tables that lie in one block: what {@link BlockWalk} compares with.
 *
 * <p>{@code (entry & mask) == want} says everything at once that must be true of an entry of a level: present, no reserved bit, the
 * rights that the access needs, and of an entry that points to a table, that it points into the block. That is stricter than
 * the architecture, because there is one mask for all tables: an entry that has a bit set that is reserved only at another level, or
 * points out of the block, is not accepted here, and not refused either.
 *
 * <p>Those that a walk looks at in turn should all be in registers, so {@link #isLarge} works its own out from those of a small page.
 *
 * @param table for entries that point to a table, of any level
 * @param wantTable of those
 * @param page for entries that map 4 KiB
 * @param wantPage of those
 * @param large for entries that map 2 MiB
 * @param wantLarge of those
 * @param gigabyte for entries that map 1 GiB
 */
record BlockRules(long table, long wantTable, long page, long wantPage, long large, long wantLarge, long gigabyte) {
    /** What is compared of an entry that maps 2 MiB beside what is compared of any page. Source: {@link ReservedBits}. */
    private static final long LARGE2 = DirectRules.LARGE | ReservedBits.range(13, 20);

    private static final int WRITABLE = 1;
    private static final int USER = 2;
    private static final int NO_EXECUTE = 4;
    private static final int COMBINATIONS = 8;

    /** No entry is accepted. */
    private static final BlockRules NOTHING = new BlockRules(0, 1, 0, 1, 0, 1, 0);

    /** The rules for an access. */
    static BlockRules of(DirectRules rules, int access, PhysicalRanges.Block block) {
        IntPredicate granted = combination -> rules.granted(access, combination) != DirectWalk.FAILED;
        boolean writable = !some(granted, WRITABLE, 0);
        boolean user = !some(granted, USER, 0);
        boolean supervisor = !some(granted, USER, USER);
        boolean executable = !some(granted, NO_EXECUTE, NO_EXECUTE);
        if (user && supervisor) {
            return NOTHING;
        }
        for (int i = 0; i < COMBINATIONS; i++) {
            boolean accepted = !(writable && (i & WRITABLE) == 0)
                    && !(user && (i & USER) == 0)
                    && !(supervisor && (i & USER) != 0)
                    && !(executable && (i & NO_EXECUTE) != 0);
            if (accepted != granted.test(i)) {
                return NOTHING;
            }
        }
        long must = DirectRules.PRESENT | (writable ? Permissions.WRITABLE : 0) | (user ? Permissions.USER : 0);
        long compared = must | (executable ? Permissions.EXECUTABLE : 0);
        long inBlock = compared | (WalkPlan.TABLE_ADDRESS & -block.size());
        long leaf = compared | (supervisor ? Permissions.USER : 0);
        return new BlockRules(
                rules.table5 | rules.table4 | rules.table3 | rules.table2 | inBlock,
                must | block.start(),
                rules.page1 | leaf,
                must,
                rules.page1 | LARGE2 | leaf,
                must | DirectRules.LARGE,
                rules.large3 == 0 ? 0 : rules.large3 | leaf);
    }

    /** Whether an entry points to a table. */
    boolean isTable(long entry) {
        return (entry & table) == wantTable;
    }

    /** Whether an entry of the lowest table maps a page. */
    boolean isPage(long entry) {
        return (entry & page) == wantPage;
    }

    /** Whether an entry maps 2 MiB; the same as by {@code large}. */
    boolean isLarge(long entry) {
        return (entry & (page | LARGE2)) == (wantPage | DirectRules.LARGE);
    }

    /** Whether an entry maps 1 GiB. */
    boolean isGigabyte(long entry) {
        return (entry & gigabyte) == (wantPage | DirectRules.LARGE);
    }

    /** Whether a combination is granted in which this right is so. */
    private static boolean some(IntPredicate granted, int right, int value) {
        for (int i = 0; i < COMBINATIONS; i++) {
            if ((i & right) == value && granted.test(i)) {
                return true;
            }
        }
        return false;
    }
}
