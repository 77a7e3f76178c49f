package io.guestmem.paging;

import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * The shortest walk: of the long modes, through tables that all lie in one block, which is a power of two of bytes and a multiple of
 * that. What it does not accept, it leaves to {@link DirectWalk}, which takes tables from anywhere, and that to {@link Walker}.
 *
 * <p>Of a block one compare says that an entry is as it must be and that the table it points to is there; see {@link BlockRules}. That
 * is all that is between two reads:
 *
 * <pre>{@code
 *   if ((entry & mask) != want) not for us;
 *   entry = read(delta, (entry & address) + index)
 * }</pre>
 *
 * <p>{@link #walk} and {@link #translate} go the same way twice, each with its own end: a compiler then leaves out what the
 * caller does not look at, and makes no {@link Translation} if the caller takes it apart at once. It needs methods of less than 325
 * bytecodes for that. Not thread-safe.
 */
final class BlockWalk {
    /** No address of a process has more bits, on any Linux: for the compiler, which then need not check for a sign. */
    static final long NATIVE = (1L << 56) - 1;

    static final long LARGE2_OFFSET = (1L << 21) - 1;
    static final long LARGE3_OFFSET = (1L << 30) - 1;
    static final long PAGE_OFFSET = 4095;
    private static final int ENTRY_OFFSET = 511 << 3;
    private static final int LEVEL_SHIFT = 52;

    private static final boolean[] BITS = {false, true};

    private final PhysicalRanges memory;
    private final boolean fiveLevels;
    /** Native address of the root; of a physical address, what its native one is beside it. */
    private final long root;

    private final long delta;
    /** Whether there is but one range; where it begins, and how many bytes it has, in whole entries. */
    private final boolean single;

    private final long start;
    private final long length;

    /** By access. Made before the first walk: a call that may have to make them would keep a compiler from moving their reads. */
    private final BlockRules[] byAccess;

    private BlockWalk(DirectRules rules, PhysicalRanges memory, PhysicalRanges.Block block) {
        this.byAccess = rules.inBlock(block);
        this.memory = memory;
        this.fiveLevels = rules.fiveLevels;
        this.delta = block.delta();
        this.root = rules.root + delta;
        PhysicalRange first = memory.ranges().getFirst();
        this.single = memory.ranges().size() == 1;
        this.start = first.start();
        this.length = (first.end() - first.start()) & -Long.BYTES;
    }

    /** Null if there is no block, if it lies lower in this process than in the guest, or if the root is not in it. */
    static @Nullable BlockWalk of(DirectRules rules, PhysicalRanges memory) {
        PhysicalRanges.Block block = memory.block();
        return block != null && block.delta() >= 0 && (rules.root & -block.size()) == block.start()
                ? new BlockWalk(rules, memory, block)
                : null;
    }

    boolean fiveLevels() {
        return fiveLevels;
    }

    /** Native address of the root. */
    long root() {
        return root;
    }

    /** Native address of the table that an entry points to. */
    long table(long entry) {
        return delta + (entry & WalkPlan.TABLE_ADDRESS);
    }

    BlockRules rules(int access) {
        return byAccess[access & (Access.COMBINATIONS - 1)];
    }

    /** A page as a {@link WalkResult}, or {@link DirectWalk#FAILED}: then others know why. The memory is alive. */
    long walk(long linear, int access) {
        BlockRules masks = rules(access);
        if (!fiveLevels) {
            return descend(linear, masks, root, -1, 0);
        }
        long pml5e = top(root, linear, 45);
        return masks.isTable(pml5e) ? descend(linear, masks, table(pml5e), pml5e, pml5e) : DirectWalk.FAILED;
    }

    private long descend(long linear, BlockRules masks, long pml4, long all5, long any5) {
        long pml4e = top(pml4, linear, 36);
        if (!masks.isTable(pml4e)) {
            return DirectWalk.FAILED;
        }
        long pdpte = entry(pml4e, linear, 27);
        long all = all5 & pml4e & pdpte;
        long any = any5 | pml4e | pdpte;
        if (!masks.isTable(pdpte)) {
            return masks.isGigabyte(pdpte) ? result(pdpte, linear, LARGE3_OFFSET, 3, all, any) : DirectWalk.FAILED;
        }
        long pde = entry(pdpte, linear, 18);
        all &= pde;
        any |= pde;
        if (!masks.isTable(pde)) {
            return masks.isLarge(pde) ? result(pde, linear, LARGE2_OFFSET, 2, all, any) : DirectWalk.FAILED;
        }
        long pte = entry(pde, linear, 9);
        return masks.isPage(pte) ? result(pte, linear, PAGE_OFFSET, 1, all & pte, any | pte) : DirectWalk.FAILED;
    }

    private static long result(long leaf, long linear, long offset, int level, long all, long any) {
        return page(leaf, linear, offset) | (long) level << LEVEL_SHIFT | WalkResult.rights(all, any);
    }

    /** As {@link #walk}, with a result that explains itself; null if others know why. */
    @Nullable
    Translation translate(long linear, int access) {
        memory.checkAlive();
        try {
            BlockRules masks = rules(access);
            if (!fiveLevels) {
                return descendToLeaf(linear, masks, root, -1, 0);
            }
            long pml5e = top(root, linear, 45);
            return masks.isTable(pml5e) ? descendToLeaf(linear, masks, table(pml5e), pml5e, pml5e) : null;
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    /** One place where the result is made, whatever the page's size: only then a compiler can do without. */
    private @Nullable Translation descendToLeaf(long linear, BlockRules masks, long pml4, long all5, long any5) {
        long pml4e = top(pml4, linear, 36);
        if (!masks.isTable(pml4e)) {
            return null;
        }
        long table = pml4e;
        int shift = 27;
        long leaf = entry(table, linear, 27);
        long all = all5 & pml4e & leaf;
        long any = any5 | pml4e | leaf;
        long page;
        long size;
        if (masks.isTable(leaf)) {
            table = leaf;
            shift = 18;
            leaf = entry(table, linear, 18);
            all &= leaf;
            any |= leaf;
            if (masks.isTable(leaf)) {
                table = leaf;
                shift = 9;
                leaf = entry(table, linear, 9);
                all &= leaf;
                any |= leaf;
                if (!masks.isPage(leaf)) {
                    return null;
                }
                page = page(leaf, linear, PAGE_OFFSET);
                size = PAGE_OFFSET + 1;
            } else if (masks.isLarge(leaf)) {
                page = page(leaf, linear, LARGE2_OFFSET);
                size = LARGE2_OFFSET + 1;
            } else {
                return null;
            }
        } else if (masks.isGigabyte(leaf)) {
            page = page(leaf, linear, LARGE3_OFFSET);
            size = LARGE3_OFFSET + 1;
        } else {
            return null;
        }
        long at = (table & WalkPlan.TABLE_ADDRESS) + index(linear, shift);
        return translated(page, size, at, all, any);
    }

    static long page(long leaf, long linear, long offset) {
        return (leaf & WalkPlan.TABLE_ADDRESS & ~offset) | (linear & offset);
    }

    private Translation translated(long address, long size, long at, long all, long any) {
        return new Translation.Translated(
                address, size, at, bit(all >>> 1), bit(all >>> 2), bit(~any >>> 63), isBacked(address), true);
    }

    /** Without a call or a branch where there is but one range: then it costs nothing if nobody asks. */
    private boolean isBacked(long address) {
        long offset = address - start;
        return single
                ? bit(~(offset | (length - 1 - offset)) >>> 63)
                : memory.presence(address).isReadable();
    }

    /**
     * The lowest bit. By a table, because a comparison is a branch, and one that has always gone the same way stays in compiled code
     * even if nobody looks at its result.
     */
    private static boolean bit(long value) {
        return BITS[(int) value & 1];
    }

    /**
     * Of the entry in its table: bits of an address from three above a shift on. A rotation, which needs no copy first; written out, as a
     * method of three lines that is seldom called may stay a call.
     */
    private static long index(long linear, int shift) {
        return (linear >>> shift | linear << -shift) & ENTRY_OFFSET;
    }

    /** The entry for an address in the table that the entry above points to. */
    long entry(long above, long linear, int shift) {
        long table = (delta & NATIVE) + (above & WalkPlan.TABLE_ADDRESS);
        return (long) RawMemory.LONG.get(RawMemory.ALL, table + index(linear, shift));
    }

    /** The entry for an address in a table at a native address. */
    static long top(long table, long linear, int shift) {
        return (long) RawMemory.LONG.get(RawMemory.ALL, (table & NATIVE) + index(linear, shift));
    }
}
