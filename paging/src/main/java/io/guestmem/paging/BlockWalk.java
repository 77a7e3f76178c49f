package io.guestmem.paging;

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
    private static final long NATIVE = (1L << 56) - 1;

    private static final long LARGE2_OFFSET = (1L << 21) - 1;
    private static final long LARGE3_OFFSET = (1L << 30) - 1;
    private static final long PAGE_OFFSET = 4095;
    private static final int ENTRY_OFFSET = 511 << 3;
    private static final int LEVEL_SHIFT = 52;

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

    /** Null if there is no block, or the root is not in it. */
    static @Nullable BlockWalk of(DirectRules rules, PhysicalRanges memory) {
        PhysicalRanges.Block block = memory.block();
        return block != null && (rules.root & -block.size()) == block.start()
                ? new BlockWalk(rules, memory, block)
                : null;
    }

    private BlockRules rules(int access) {
        return byAccess[access & (Access.COMBINATIONS - 1)];
    }

    /** A page as a {@link WalkResult}, or {@link DirectWalk#FAILED}: then others know why. The memory is alive. */
    long walk(long linear, int access) {
        BlockRules masks = rules(access);
        if (!fiveLevels) {
            return descend(linear, masks, root, -1, 0);
        }
        long pml5e = read(root, index(linear, 45));
        return (pml5e & masks.table4()) == masks.wantTable()
                ? descend(linear, masks, delta + (pml5e & WalkPlan.TABLE_ADDRESS), pml5e, pml5e)
                : DirectWalk.FAILED;
    }

    private long descend(long linear, BlockRules masks, long pml4, long all5, long any5) {
        long pml4e = read(pml4, index(linear, 36));
        if ((pml4e & masks.table4()) != masks.wantTable()) {
            return DirectWalk.FAILED;
        }
        long pdpte = read(delta, (pml4e & WalkPlan.TABLE_ADDRESS) + index(linear, 27));
        long all = all5 & pml4e & pdpte;
        long any = any5 | pml4e | pdpte;
        if ((pdpte & masks.table3()) != masks.wantTable()) {
            return (pdpte & masks.large3()) == masks.wantLarge()
                    ? result(pdpte, linear, LARGE3_OFFSET, 3, all, any)
                    : DirectWalk.FAILED;
        }
        long pde = read(delta, (pdpte & WalkPlan.TABLE_ADDRESS) + index(linear, 18));
        all &= pde;
        any |= pde;
        if ((pde & masks.table2()) != masks.wantTable()) {
            return (pde & masks.large2()) == masks.wantLarge()
                    ? result(pde, linear, LARGE2_OFFSET, 2, all, any)
                    : DirectWalk.FAILED;
        }
        long pte = read(delta, (pde & WalkPlan.TABLE_ADDRESS) + index(linear, 9));
        return (pte & masks.page1()) == masks.wantPage()
                ? result(pte, linear, PAGE_OFFSET, 1, all & pte, any | pte)
                : DirectWalk.FAILED;
    }

    private static long result(long leaf, long linear, long offset, int level, long all, long any) {
        return page(leaf, linear, offset)
                | (long) level << LEVEL_SHIFT
                | WalkResult.rights(all, any);
    }

    /** As {@link #walk}, with a result that explains itself; null if others know why. */
    @Nullable
    Translation translate(long linear, int access) {
        BlockRules masks = rules(access);
        if (!fiveLevels) {
            return descendToLeaf(linear, masks, root, -1, 0);
        }
        long pml5e = read(root, index(linear, 45));
        return (pml5e & masks.table4()) == masks.wantTable()
                ? descendToLeaf(linear, masks, delta + (pml5e & WalkPlan.TABLE_ADDRESS), pml5e, pml5e)
                : null;
    }

    /** One place where the result is made, whatever the page's size: only then a compiler can do without. */
    private @Nullable Translation descendToLeaf(long linear, BlockRules masks, long pml4, long all5, long any5) {
        long pml4e = read(pml4, index(linear, 36));
        if ((pml4e & masks.table4()) != masks.wantTable()) {
            return null;
        }
        long at = (pml4e & WalkPlan.TABLE_ADDRESS) + index(linear, 27);
        long leaf = read(delta, at);
        long all = all5 & pml4e & leaf;
        long any = any5 | pml4e | leaf;
        long page;
        long size;
        if ((leaf & masks.table3()) == masks.wantTable()) {
            at = (leaf & WalkPlan.TABLE_ADDRESS) + index(linear, 18);
            leaf = read(delta, at);
            all &= leaf;
            any |= leaf;
            if ((leaf & masks.table2()) == masks.wantTable()) {
                at = (leaf & WalkPlan.TABLE_ADDRESS) + index(linear, 9);
                leaf = read(delta, at);
                all &= leaf;
                any |= leaf;
                if ((leaf & masks.page1()) != masks.wantPage()) {
                    return null;
                }
                page = page(leaf, linear, PAGE_OFFSET);
                size = PAGE_OFFSET + 1;
            } else if ((leaf & masks.large2()) == masks.wantLarge()) {
                page = page(leaf, linear, LARGE2_OFFSET);
                size = LARGE2_OFFSET + 1;
            } else {
                return null;
            }
        } else if ((leaf & masks.large3()) == masks.wantLarge()) {
            page = page(leaf, linear, LARGE3_OFFSET);
            size = LARGE3_OFFSET + 1;
        } else {
            return null;
        }
        return translated(page, size, at, all, any);
    }

    private static long page(long leaf, long linear, long offset) {
        return (leaf & WalkPlan.TABLE_ADDRESS & ~offset) | (linear & offset);
    }

    private Translation translated(long address, long size, long at, long all, long any) {
        return new Translation.Translated(
                address,
                size,
                at,
                (all & Permissions.WRITABLE) != 0,
                (all & Permissions.USER) != 0,
                (any & Permissions.EXECUTABLE) == 0,
                isBacked(address),
                true);
    }

    /** Without a call where there is but one range: then it costs nothing if nobody asks. */
    private boolean isBacked(long address) {
        return single
                ? Long.compareUnsigned(address - start, length) < 0
                : memory.presence(address).isReadable();
    }

    /** Of the entry in its table: bits of an address from three above a shift on. A rotation needs no copy first. */
    private static long index(long linear, int shift) {
        return Long.rotateRight(linear, shift) & ENTRY_OFFSET;
    }

    /** The entry at an offset from a native address. */
    private static long read(long base, long offset) {
        return RawMemory.read64((base & NATIVE) + offset);
    }
}
