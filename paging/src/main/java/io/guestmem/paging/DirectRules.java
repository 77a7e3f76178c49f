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

    final boolean fiveLevels;
    final long root;
    final long table5;
    final long table4;
    final long table3;
    final long table2;
    final long large3;
    final long large2;
    final long page1;

    /** By access: a bit for each combination of executable, user, writable (bits 2 to 0) that permits it. */
    private final byte[] permitted = new byte[Access.COMBINATIONS];

    private DirectRules(WalkPlan plan, X86Format format) {
        ReservedBits reserved = format.reserved();
        this.fiveLevels = plan.mode() == PagingMode.LEVEL_5;
        this.root = plan.root();
        this.table5 = PRESENT | reserved.table(5);
        this.table4 = PRESENT | reserved.table(4);
        this.table3 = PRESENT | LARGE | reserved.table(3);
        this.table2 = PRESENT | LARGE | reserved.table(2);
        // Where there are no pages of 1 GiB, their bit 7 is reserved: no entry is equal to PRESENT | LARGE then, as
        // there
        // is another reserved bit to compare with.
        this.large3 = PRESENT | LARGE | reserved.leaf(3);
        this.large2 = PRESENT | LARGE | reserved.leaf(2);
        this.page1 = PRESENT | reserved.leaf(1);
        for (int access = 0; access < Access.COMBINATIONS; access++) {
            permitted[access] = permitted(format.permissions(), access);
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

    private static byte permitted(Permissions permissions, int access) {
        if ((access & Access.SHADOW_STACK) != 0) {
            return 0;
        }
        // A write that is a fetch, too: what is permitted as two accesses is permitted in either order of checks.
        boolean data = (access & (Access.EXECUTE | Access.WRITE)) != Access.EXECUTE;
        int combinations = 0;
        for (int i = 0; i < 8; i++) {
            long rights = ((i & 3L) << 1) | ((i & 4L) << 61);
            if (permissions.monotoneViolation(access, rights) == 0
                    && permissions.leafViolation(access, rights, rights, 0, data) == 0) {
                combinations |= 1 << i;
            }
        }
        return (byte) combinations;
    }

    /** Whether the rights permit the access. */
    boolean permits(int access, long rights) {
        int combination = ((int) (rights >>> 1) & 3) | ((int) (rights >>> 61) & 4);
        return ((permitted[access & (Access.COMBINATIONS - 1)] >>> combination) & 1) != 0;
    }
}
