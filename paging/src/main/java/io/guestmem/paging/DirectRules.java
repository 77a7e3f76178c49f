package io.guestmem.paging;

import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The rules of a long mode as masks: what {@link DirectWalk} compares with. Thread-safe.
 *
 * <p>{@code (entry & table) == PRESENT} says that an entry is present, without reserved bits, and points to a table;
 * {@code (entry & large) == PRESENT | LARGE} that it maps a large page.
 */
final class DirectRules {
    static final long PRESENT = 1;
    static final long LARGE = 1 << 7;

    private static final int COMBINATIONS = 8;
    private static final long KEY = 0xFL << 59;

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

    /** For the block that was asked for last; two threads may both make them. */
    private @Nullable InBlock inBlock;

    private record InBlock(PhysicalRanges.Block block, List<BlockRules> byAccess) {}

    private DirectRules(WalkPlan plan, X86Format format) {
        ReservedBits reserved = format.reserved();
        this.fiveLevels = plan.mode() == PagingMode.LEVEL_5;
        this.root = plan.root();
        this.table5 = PRESENT | reserved.table(5);
        this.table4 = PRESENT | reserved.table(4);
        this.table3 = PRESENT | LARGE | reserved.table(3);
        this.table2 = PRESENT | LARGE | reserved.table(2);
        // Of pages with another key than 0 these masks know nothing, as soon as some key refuses something.
        long key = format.permissions().keysMatter() ? KEY : 0;
        // Where there are no pages of 1 GiB, their bit 7 is reserved: a mask of 0 lets no entry be one.
        this.large3 = (reserved.leaf(3) & LARGE) != 0 ? 0 : PRESENT | LARGE | reserved.leaf(3) | key;
        this.large2 = PRESENT | LARGE | reserved.leaf(2) | key;
        this.page1 = PRESENT | reserved.leaf(1) | key;
        for (int i = 0; i < granted.length; i++) {
            granted[i] = granted(format.permissions(), i / COMBINATIONS, i % COMBINATIONS);
        }
    }

    /** By access, the rules for tables in a block. */
    BlockRules[] inBlock(PhysicalRanges.Block block) {
        InBlock made = inBlock;
        if (made == null || !made.block.equals(block)) {
            made = new InBlock(
                    block,
                    IntStream.range(0, Access.COMBINATIONS)
                            .mapToObj(access -> BlockRules.of(this, access, block))
                            .toList());
            inBlock = made;
        }
        return made.byAccess.toArray(BlockRules[]::new);
    }

    /** What a result says of a page with this combination, or {@link DirectWalk#FAILED}. */
    long granted(int access, int combination) {
        return granted[access * COMBINATIONS + combination];
    }

    /** Null if the mode is none of the long ones, or key 0, which most pages have, refuses something. */
    static @Nullable DirectRules of(WalkPlan plan) {
        return plan.mode().isLong()
                        && plan.format() instanceof X86Format format
                        && !format.permissions().keyZeroRefuses()
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
