package io.guestmem.paging;

import java.lang.ref.Reference;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The walk that succeeds, of the long modes, in memory that is mapped: one compare for each level says that an entry is as it
 * must be. Whatever is not, it leaves to {@link Walker}, which finds out what it is; so the rules are there once.
 *
 * <p>A walk has three steps, which a batch takes for many addresses at a time:
 *
 * <pre>{@code
 *   upper(linear)           ──▶ where the PD entry is       or a page of 1 GiB
 *   middle(linear, upper)   ──▶ where the PT is             or a large page
 *   lowest(linear, middle)  ──▶ a WalkResult
 *
 *   in between:  X 63 | address 51 .. 3 | U 2 | W 1 | 0        the rights so far beside the address of an entry or table
 *                X 63 | page 51 .. 12 | level 4 .. 3 | U | W | 1       a large page, cut to the 2 MiB that are asked for
 * }</pre>
 *
 * <p>With a cache it remembers what {@code middle} said, for 4096 times 2 MiB: ahead on small sets of tables, behind on large
 * ones. Then the tables must not change. For one thread.
 */
final class DirectWalk {
    /** None of the values above: a large page has a level of 2 or 3. */
    static final long FAILED = -1;

    private static final int ENTRY_SHIFT = 3;
    private static final int ENTRY_OFFSET = 511 << ENTRY_SHIFT;
    private static final int CACHED = 4096;
    private static final int GRANULE_SHIFT = 21;
    private static final long GRANULE_OFFSET = (1L << GRANULE_SHIFT) - 1;
    private static final long FOUND = 1;
    private static final int FOUND_LEVEL_SHIFT = 3;
    private static final long RIGHTS = Permissions.WRITABLE | Permissions.USER | Permissions.EXECUTABLE;
    private static final long ENTRY_ADDRESS = 0x000F_FFFF_FFFF_FFF8L;

    private final DirectRules rules;
    private final PhysicalRanges memory;
    private final long start;
    private final long entries;
    private final long nativeStart;
    /** Pairs of 2 MiB number and what middle said; null if nothing is remembered. */
    private final long @Nullable [] cache;

    private long leafAddress;

    DirectWalk(DirectRules rules, PhysicalRanges memory, boolean cached) {
        this.rules = rules;
        this.memory = memory;
        this.start = memory.mainStart();
        this.entries = memory.mainEntries();
        this.nativeStart = memory.mainNative();
        this.cache = cached ? new long[2 * CACHED] : null;
        if (cache != null) {
            Arrays.fill(cache, FAILED);
        }
    }

    /** A page as a {@link WalkResult}, or {@link #FAILED}: then {@link Walker} knows why. */
    long walk(long linear, int access) {
        memory.checkAlive();
        try {
            return lowest(linear, cache == null ? middle(linear, upper(linear)) : remembered(cache, linear), access);
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    /** As {@link #walk}, without the cache: then {@link #leafAddress} knows where the leaf is. */
    long walkForLeaf(long linear, int access) {
        memory.checkAlive();
        try {
            return lowest(linear, middle(linear, upper(linear)), access);
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    long leafAddress() {
        return leafAddress;
    }

    boolean isBacked(long address) {
        return Long.compareUnsigned(address - start, entries) < 0
                || memory.presence(address).isReadable();
    }

    private long remembered(long[] cache, long linear) {
        long granule = linear >>> GRANULE_SHIFT;
        int slot = ((int) granule & (CACHED - 1)) << 1;
        if (cache[slot] == granule) {
            return cache[slot + 1];
        }
        long middle = middle(linear, upper(linear));
        if (middle != FAILED) {
            cache[slot] = granule;
            cache[slot + 1] = middle;
        }
        return middle;
    }

    long upper(long linear) {
        long table = rules.root;
        long rights = -1;
        if (rules.fiveLevels) {
            long pml5e = entry(table | offset(linear, 48));
            if ((pml5e & rules.table5) != DirectRules.PRESENT) {
                return FAILED;
            }
            rights = pml5e ^ Permissions.EXECUTABLE;
            table = pml5e & WalkPlan.TABLE_ADDRESS;
        }
        long pml4e = entry(table | offset(linear, 39));
        if ((pml4e & rules.table4) != DirectRules.PRESENT) {
            return FAILED;
        }
        rights &= pml4e ^ Permissions.EXECUTABLE;
        long at = (pml4e & WalkPlan.TABLE_ADDRESS) | offset(linear, 30);
        long pdpte = entry(at);
        rights &= pdpte ^ Permissions.EXECUTABLE;
        if ((pdpte & rules.table3) != DirectRules.PRESENT) {
            return (pdpte & rules.large3) == (DirectRules.PRESENT | DirectRules.LARGE)
                    ? large(linear, pdpte, at, 3, rights)
                    : FAILED;
        }
        return (pdpte & WalkPlan.TABLE_ADDRESS) | offset(linear, 21) | (rights & RIGHTS);
    }

    long middle(long linear, long upper) {
        if ((upper & FOUND) != 0) {
            return upper;
        }
        long at = upper & ENTRY_ADDRESS;
        long pde = entry(at);
        long rights = upper & (pde ^ Permissions.EXECUTABLE);
        if ((pde & rules.table2) != DirectRules.PRESENT) {
            return (pde & rules.large2) == (DirectRules.PRESENT | DirectRules.LARGE)
                    ? large(linear, pde, at, 2, rights)
                    : FAILED;
        }
        return (pde & WalkPlan.TABLE_ADDRESS) | (rights & RIGHTS);
    }

    private long large(long linear, long entry, long at, int level, long rights) {
        leafAddress = at;
        long offset = (1L << (12 + 9 * (level - 1))) - 1;
        long page = (entry & WalkPlan.TABLE_ADDRESS & ~offset) | (linear & offset & ~GRANULE_OFFSET);
        return page | (rights & RIGHTS) | (long) level << FOUND_LEVEL_SHIFT | FOUND;
    }

    long lowest(long linear, long middle, int access) {
        if ((middle & FOUND) != 0) {
            if (middle == FAILED || !rules.permits(access, middle)) {
                return FAILED;
            }
            long page = (middle & WalkPlan.TABLE_ADDRESS) | (linear & GRANULE_OFFSET);
            return WalkResult.page(page, ((int) middle >>> FOUND_LEVEL_SHIFT) & 3, middle);
        }
        long at = (middle & WalkPlan.TABLE_ADDRESS) | offset(linear, 12);
        long pte = entry(at);
        long rights = middle & (pte ^ Permissions.EXECUTABLE);
        if ((pte & rules.page1) != DirectRules.PRESENT || !rules.permits(access, rights)) {
            return FAILED;
        }
        leafAddress = at;
        return WalkResult.page((pte & WalkPlan.TABLE_ADDRESS) | (linear & 4095), 1, rights);
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
