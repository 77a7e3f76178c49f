package io.guestmem.paging;

import org.jspecify.annotations.Nullable;

/**
 * The rules of a long mode as masks: what {@link DirectWalk} compares with. Immutable.
 *
 * <p>{@code (entry & table) == PRESENT} says that an entry is present, without reserved bits, and points to a table;
 * {@code (entry & large) == PRESENT | LARGE} that it maps a large page.
 */
final class DirectRules {
    static final long PRESENT = 1;
    static final long LARGE = 1 << 7;

    private static final int COMBINATIONS = 8;

    final boolean fiveLevels;
    final long root;
    final long table5;
    final long table4;
    final long table3;
    final long table2;
    final long large3;
    final long large2;
    final long page1;

    /**
     * By access and combination of no-execute, user, writable (bits 2 to 0): what a {@link WalkResult} says of such a page, or -1
     * if it does not permit the access.
     */
    final long[] granted = new long[Access.COMBINATIONS * COMBINATIONS];

    private DirectRules(WalkPlan plan, X86Format format) {
        ReservedBits reserved = format.reserved();
        this.fiveLevels = plan.mode() == PagingMode.LEVEL_5;
        this.root = plan.root();
        this.table5 = PRESENT | reserved.table(5);
        this.table4 = PRESENT | reserved.table(4);
        this.table3 = PRESENT | LARGE | reserved.table(3);
        this.table2 = PRESENT | LARGE | reserved.table(2);
        // Where there are no pages of 1 GiB, their bit 7 is reserved: a mask of 0 lets no entry be one.
        this.large3 = (reserved.leaf(3) & LARGE) != 0 ? 0 : PRESENT | LARGE | reserved.leaf(3);
        this.large2 = PRESENT | LARGE | reserved.leaf(2);
        this.page1 = PRESENT | reserved.leaf(1);
        for (int i = 0; i < granted.length; i++) {
            granted[i] = granted(format.permissions(), i / COMBINATIONS, i % COMBINATIONS);
        }
    }

    /** Null if the mode is none of the long ones, or a key refuses something: that is not in the masks. */
    static @Nullable DirectRules of(WalkPlan plan) {
        return plan.mode().isLong()
                        && plan.format() instanceof X86Format format
                        && !format.permissions().keysMatter()
                ? new DirectRules(plan, format)
                : null;
    }

    private static long granted(Permissions permissions, int access, int combination) {
        long rights = ((combination & 3L) << 1) | (((combination & 4L) << 61) ^ Permissions.EXECUTABLE);
        // A write that is a fetch, too: what is permitted as two accesses is permitted in either order of checks.
        boolean data = (access & (Access.EXECUTE | Access.WRITE)) != Access.EXECUTE;
        boolean refused = (access & Access.SHADOW_STACK) != 0
                || permissions.monotoneViolation(access, rights) != 0
                || permissions.leafViolation(access, rights, rights, 0, data) != 0;
        return refused ? DirectWalk.FAILED : WalkResult.page(0, 0, rights);
    }

    /** The place in {@link #granted} of a page to which {@code all} and {@code any} of the entries lead. */
    static int grant(int access, long all, long any) {
        return ((access & (Access.COMBINATIONS - 1)) * COMBINATIONS)
                | ((int) (all >>> 1) & 3)
                | ((int) (any >>> 61) & 4);
    }
}
