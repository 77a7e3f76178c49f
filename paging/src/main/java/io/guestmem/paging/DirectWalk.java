package io.guestmem.paging;

/**
 * The walk that succeeds, of the long modes, in memory that is mapped: one compare for each level says that an entry is as it
 * must be. Whatever is not, it leaves to {@link Walker}, which finds out what it is; so the rules are there once.
 *
 * <p>A walk has three steps, which a batch takes for many addresses at a time; the reads between them, which may have to wait for
 * memory, stand alone, so that many of them fit into a processor's window:
 *
 * <pre>{@code
 *   upper(linear)                 ──▶ where the PD entry is       or a page of 1 GiB
 *   middle(linear, upper, pde)    ──▶ where the PT is             or a large page
 *   lowest(linear, middle, pte)   ──▶ a WalkResult
 *
 *   in between:  NX 63 | address 51 .. 3 | U 2 | W 1 | 0       the rights so far beside the address of an entry or table
 *                NX 63 | page 51 .. 12 | level 4 .. 3 | U | W | 1      a large page, cut to the 2 MiB that are asked for
 * }</pre>
 *
 * <p>The memory is alive, as whoever calls has checked. For one thread.
 */
final class DirectWalk {
    /** None of the values above: a large page has a level of 2 or 3. */
    static final long FAILED = -1;

    private static final int ENTRY_SHIFT = 3;
    private static final int ENTRY_OFFSET = 511 << ENTRY_SHIFT;
    private static final int GRANULE_SHIFT = 21;
    private static final long GRANULE_OFFSET = (1L << GRANULE_SHIFT) - 1;
    private static final long FOUND = 1;
    private static final int FOUND_LEVEL_SHIFT = 3;
    private static final int RESULT_LEVEL_SHIFT = 52;
    private static final long GRANTS = Permissions.WRITABLE | Permissions.USER;
    private static final long NO_EXECUTE = Permissions.EXECUTABLE;
    private static final long PAGE_OFFSET = 4095;
    private static final long ENTRY_ADDRESS = 0x000F_FFFF_FFFF_FFF8L;

    private final DirectRules rules;
    private final PhysicalRanges memory;
    private final long start;
    private final long entries;
    private final long nativeStart;

    private long leafAddress;

    DirectWalk(DirectRules rules, PhysicalRanges memory) {
        this.rules = rules;
        this.memory = memory;
        this.start = memory.mainStart();
        this.entries = memory.mainEntries();
        this.nativeStart = memory.mainNative();
    }

    /** Where the leaf of the last {@link #walk} that succeeded is. */
    long leafAddress() {
        return leafAddress;
    }

    /**
     * A page as a {@link WalkResult}, or {@link #FAILED}: then {@link Walker} knows why. The three steps in one: nothing has to be kept
     * between them.
     */
    long walk(long linear, int access) {
        if (!rules.fiveLevels) {
            return descend(linear, access, rules.root, -1, 0);
        }
        long pml5e = entry(rules.root | offset(linear, 48));
        return (pml5e & rules.table5) == DirectRules.PRESENT
                ? descend(linear, access, pml5e & WalkPlan.TABLE_ADDRESS, pml5e, pml5e)
                : FAILED;
    }

    private long descend(long linear, int access, long pml4, long all5, long any5) {
        long pml4e = entry(pml4 | offset(linear, 39));
        if ((pml4e & rules.table4) != DirectRules.PRESENT) {
            return FAILED;
        }
        long at = (pml4e & WalkPlan.TABLE_ADDRESS) | offset(linear, 30);
        long pdpte = entry(at);
        long all = all5 & pml4e & pdpte;
        long any = any5 | pml4e | pdpte;
        if ((pdpte & rules.table3) != DirectRules.PRESENT) {
            return largeLeaf(linear, pdpte, at, 3, rules.large3, granted(access, all, any));
        }
        at = (pdpte & WalkPlan.TABLE_ADDRESS) | offset(linear, 21);
        long pde = entry(at);
        all &= pde;
        any |= pde;
        if ((pde & rules.table2) != DirectRules.PRESENT) {
            return largeLeaf(linear, pde, at, 2, rules.large2, granted(access, all, any));
        }
        at = (pde & WalkPlan.TABLE_ADDRESS) | offset(linear, 12);
        long pte = entry(at);
        if ((pte & rules.page1) != DirectRules.PRESENT) {
            return FAILED;
        }
        leafAddress = at;
        long page = (pte & WalkPlan.TABLE_ADDRESS) | (linear & PAGE_OFFSET);
        return page | 1L << RESULT_LEVEL_SHIFT | granted(access, all & pte, any | pte);
    }

    private long largeLeaf(long linear, long entry, long at, int level, long mask, long granted) {
        if ((entry & mask) != (DirectRules.PRESENT | DirectRules.LARGE)) {
            return FAILED;
        }
        leafAddress = at;
        long offset = (1L << (12 + 9 * (level - 1))) - 1;
        long page = (entry & WalkPlan.TABLE_ADDRESS & ~offset) | (linear & offset);
        return page | (long) level << RESULT_LEVEL_SHIFT | granted;
    }

    /** What a result says beside the page; {@link #FAILED}, which makes all of it that, if the access is not permitted. */
    private long granted(int access, long all, long any) {
        return rules.granted[DirectRules.grant(access, all, any)];
    }

    boolean isBacked(long address) {
        return Long.compareUnsigned(address - start, entries) < 0
                || memory.presence(address).isReadable();
    }

    long upper(long linear) {
        long table = rules.root;
        long all = -1;
        long any = 0;
        if (rules.fiveLevels) {
            long pml5e = entry(table | offset(linear, 48));
            if ((pml5e & rules.table5) != DirectRules.PRESENT) {
                return FAILED;
            }
            all = pml5e;
            any = pml5e;
            table = pml5e & WalkPlan.TABLE_ADDRESS;
        }
        long pml4e = entry(table | offset(linear, 39));
        if ((pml4e & rules.table4) != DirectRules.PRESENT) {
            return FAILED;
        }
        long pdpte = entry((pml4e & WalkPlan.TABLE_ADDRESS) | offset(linear, 30));
        long rights = (all & pml4e & pdpte & GRANTS) | ((any | pml4e | pdpte) & NO_EXECUTE);
        if ((pdpte & rules.table3) != DirectRules.PRESENT) {
            return (pdpte & rules.large3) == (DirectRules.PRESENT | DirectRules.LARGE)
                    ? large(linear, pdpte, 3, rights)
                    : FAILED;
        }
        return (pdpte & WalkPlan.TABLE_ADDRESS) | offset(linear, 21) | rights;
    }

    /** The native address of the PD entry that a walk goes on with after {@link #upper}; 0 if there is none. */
    long placeOfMiddle(long upper) {
        return (upper & FOUND) != 0 ? 0 : place(upper & ENTRY_ADDRESS);
    }

    long middle(long linear, long upper, long pde) {
        if ((upper & FOUND) != 0) {
            return upper;
        }
        long rights = (upper & pde & GRANTS) | ((upper | pde) & NO_EXECUTE);
        if ((pde & rules.table2) == DirectRules.PRESENT) {
            return (pde & WalkPlan.TABLE_ADDRESS) | rights;
        }
        return (pde & rules.large2) == (DirectRules.PRESENT | DirectRules.LARGE)
                ? large(linear, pde, 2, rights)
                : FAILED;
    }

    private static long large(long linear, long entry, int level, long rights) {
        long offset = (1L << (12 + 9 * (level - 1))) - 1;
        long page = (entry & WalkPlan.TABLE_ADDRESS & ~offset) | (linear & offset & ~GRANULE_OFFSET);
        return page | rights | (long) level << FOUND_LEVEL_SHIFT | FOUND;
    }

    /** The native address of the PT entry that a walk ends with after {@link #middle}; 0 if there is none. */
    long placeOfLowest(long linear, long middle) {
        return (middle & FOUND) != 0 ? 0 : place((middle & WalkPlan.TABLE_ADDRESS) | offset(linear, 12));
    }

    private long place(long address) {
        long offset = address - start;
        return Long.compareUnsigned(offset, entries) < 0 ? nativeStart + offset : memory.place(address);
    }

    /** The entry at a place; what is nowhere is not present. */
    static long read(long place) {
        return place == 0 ? 0 : RawMemory.read64(place);
    }

    long lowest(long linear, long middle, long pte, int access) {
        if ((middle & FOUND) != 0) {
            return middle == FAILED ? FAILED : largePage(linear, middle, access);
        }
        if ((pte & rules.page1) != DirectRules.PRESENT) {
            return FAILED;
        }
        long page = (pte & WalkPlan.TABLE_ADDRESS) | (linear & PAGE_OFFSET);
        return page | 1L << RESULT_LEVEL_SHIFT | granted(access, middle & pte, middle | pte);
    }

    private long largePage(long linear, long found, int access) {
        long level = (found >>> FOUND_LEVEL_SHIFT) & 3;
        long page = (found & WalkPlan.TABLE_ADDRESS) | (linear & GRANULE_OFFSET);
        return page | level << RESULT_LEVEL_SHIFT | granted(access, found, found);
    }

    /** Of the entry in its table, for the bits of an address from a shift on. */
    private static long offset(long linear, int shift) {
        return (linear >>> (shift - ENTRY_SHIFT)) & ENTRY_OFFSET;
    }

    private long entry(long address) {
        long offset = address - start;
        return Long.compareUnsigned(offset, entries) < 0
                ? RawMemory.read64(nativeStart + offset)
                : memory.entry(address);
    }

    PhysicalRanges memory() {
        return memory;
    }
}
