package io.guestmem.paging;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Goes down through tables and tells a visitor what they map. For one thread.
 *
 * <p>A table is read once, as a whole; entries that continue the one before, as most do, cost one compare.
 */
final class TableScan {
    private static final int ENTRIES = 512;
    private static final int MOST_LEVELS = 5;
    private static final int UNIT_LEVEL = 3;
    /** So many tables are touched before the first of them is read: a processor waits for them together. */
    private static final int AHEAD = 16;

    private static final long PRESENT = 1;
    private static final long ACCESSED = 1 << 5;
    private static final long DIRTY = 1 << 6;
    private static final int EXECUTABLE_SHIFT = 3;
    private static final long PAGE = 4096;
    private static final int PAGE_SHIFT = 12;
    /** What neighbours have in common, beside following addresses. */
    private static final long KIND =
            PRESENT | Permissions.WRITABLE | Permissions.USER | Permissions.EXECUTABLE | ACCESSED | DIRTY;

    private final WalkPlan plan;
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final EntryFormat format;
    private final ReservedBits reservedBits;
    private final Mappings.Limits limits;
    private final RunBuilder runs;
    /** If this is only to find them: what is below the upper levels, to be gone through later. */
    private final @Nullable List<Unit> units;

    private final long[][] tables;
    /** The memory, if it is mapped here. */
    private final @Nullable PhysicalRanges mapped;

    private final long[] touched = new long[AHEAD];

    private long pages;
    private long visited;
    private long repeated;
    private long reserved;
    private long unreadable;
    private long stoppedAt = -1;

    /**
     * A part of an address space that one thread goes through: an entry that maps 1 GiB or points to a table that does.
     *
     * @param linear its first address
     * @param above the rights that the entries above it grant
     */
    record Unit(long entry, long linear, long above) {}

    TableScan(
            WalkPlan plan,
            X86Format format,
            PhysicalMemory memory,
            Mappings.Limits limits,
            MappingVisitor visitor,
            @Nullable List<Unit> units) {
        this.plan = plan;
        this.mode = plan.mode();
        this.memory = memory;
        this.format = format;
        this.reservedBits = format.reserved();
        this.limits = limits;
        this.runs = new RunBuilder(visitor);
        this.units = units;
        this.mapped = memory instanceof PhysicalRanges ranges && mode != PagingMode.BITS_32 ? ranges : null;
        this.tables = new long[MOST_LEVELS + 1][];
    }

    MappingTotals result() {
        runs.flush();
        return new MappingTotals(pages, runs.runs(), visited, repeated, reserved, unreadable, stoppedAt);
    }

    boolean isStopped() {
        return stoppedAt != -1;
    }

    /**
     * A table and all below it.
     *
     * @param base the first linear address that the table is for
     * @param rights that the entries above it grant
     */
    void table(long table, int level, long base, long rights) {
        long[] entries = read(table, level, base);
        if (entries.length == 0) {
            return;
        }
        int first = limits.firstIndex(mode, base, level, entries.length);
        int last = limits.lastIndex(mode, base, level, entries.length);
        if (level == 1 && mode != PagingMode.BITS_32) {
            lowest(entries, first, last, base, rights);
            return;
        }
        for (int i = first; i <= last && !isStopped(); i++) {
            if (level == 2 && (i - first) % AHEAD == 0 && mapped != null) {
                mapped.touch(entries, i, Math.min(last + 1, i + AHEAD), reservedBits.table(2), touched);
            }
            long linear = base + ((long) i << mode.shift(level));
            if ((entries[i] & PRESENT) == 0) {
                continue;
            }
            if (units != null && level == UNIT_LEVEL) {
                units.add(new Unit(entries[i], linear, rights));
            } else {
                entry(entries[i], level, linear, rights);
            }
        }
    }

    /** All of a unit. */
    void unit(Unit unit) {
        entry(unit.entry, UNIT_LEVEL, unit.linear, unit.above);
    }

    private long[] read(long table, int level, long base) {
        if (!limits.takeTable()) {
            stoppedAt = limits.signExtended(mode, Math.max(base, limits.from()));
            return new long[0];
        }
        if (!memory.presence(table).isReadable()) {
            unreadable++;
            return new long[0];
        }
        visited++;
        if (!limits.met(table)) {
            repeated++;
        }
        long[] entries = tables[level];
        if (entries == null) {
            entries = new long[mode == PagingMode.BITS_32 ? 2 * ENTRIES : ENTRIES];
            tables[level] = entries;
        }
        if (mode == PagingMode.BITS_32) {
            for (int i = 0; i < entries.length; i++) {
                entries[i] = Integer.toUnsignedLong(memory.read32(table + (long) i * Integer.BYTES));
            }
        } else {
            memory.readPage(table, entries);
        }
        return entries;
    }

    private void entry(long entry, int level, long linear, long above) {
        if (format.reservedBits(entry, level) != 0) {
            reserved++;
            return;
        }
        long rights = above & format.rights(entry);
        if (!format.isLeaf(entry, level)) {
            table(plan.table(entry), level - 1, linear, rights);
            return;
        }
        pages++;
        long size = 1L << mode.shift(level);
        runs.run(limits.signExtended(mode, linear), plan.page(entry, level), size, size, flags(entry, rights));
    }

    private static int flags(long leaf, long rights) {
        return (int) ((rights & (Permissions.WRITABLE | Permissions.USER))
                | rights >>> 63 << EXECUTABLE_SHIFT
                | (leaf & (ACCESSED | DIRTY)));
    }

    /**
     * Pages of 4 KiB. What nearly all tables are, full of entries of one kind, is found out by sums over all entries, which a compiler
     * takes eight at a time. Only the first and the last run can have neighbours in other tables; those in between are told as they are.
     */
    private void lowest(long[] entries, int first, int last, long base, long above) {
        long all = -1;
        long any = 0;
        for (int i = first; i <= last; i++) {
            all &= entries[i];
            any |= entries[i];
        }
        long linear = limits.signExtended(mode, base);
        boolean alike = (all & PRESENT) != 0 && (any & reservedBits.leaf(1)) == 0 && ((all ^ any) & KIND) == 0;
        if (alike && first <= last && ends(entries, first, last) == last - first) {
            scattered(entries, first, last, linear, flags(all, above & (all ^ Permissions.EXECUTABLE)));
        } else {
            mixed(entries, first, last, linear, above);
        }
    }

    /** How many entries are not followed by the next page. */
    private static long ends(long[] entries, int first, int last) {
        long ends = 0;
        for (int i = first; i < last; i++) {
            long step = (entries[i + 1] & WalkPlan.TABLE_ADDRESS) - (entries[i] & WalkPlan.TABLE_ADDRESS) - PAGE;
            ends += (step | -step) >>> 63;
        }
        return ends;
    }

    /** No page of them continues the one before. */
    private void scattered(long[] entries, int first, int last, long linear, int flags) {
        pages += last - first + 1;
        run(linear, first, first + 1, entries[first] & WalkPlan.TABLE_ADDRESS, flags);
        if (first == last) {
            return;
        }
        runs.flush();
        MappingVisitor visitor = runs.visitor();
        for (int i = first + 1; i < last; i++) {
            visitor.run(linear + ((long) i << PAGE_SHIFT), entries[i] & WalkPlan.TABLE_ADDRESS, PAGE, PAGE, flags);
        }
        runs.told(last - first - 1);
        run(linear, last, last + 1, entries[last] & WalkPlan.TABLE_ADDRESS, flags);
    }

    private void run(long linear, int begin, int end, long page, int flags) {
        runs.run(linear + ((long) begin << PAGE_SHIFT), page, (long) (end - begin) << PAGE_SHIFT, PAGE, flags);
    }

    /** As long as each entry is the one before and a page more, nothing has to be worked out. */
    private void mixed(long[] entries, int first, int last, long linear, long above) {
        long refused = reservedBits.leaf(1);
        long compared = KIND | WalkPlan.TABLE_ADDRESS | refused;
        MappingVisitor visitor = runs.visitor();
        boolean apart = false;
        long told = 0;
        long mapped = 0;
        int i = first;
        while (i <= last) {
            long entry = entries[i] & compared;
            if ((entry & (refused | PRESENT)) != PRESENT) {
                reserved += entry & PRESENT;
                i = nextPresent(entries, i + 1, last);
                continue;
            }
            int begin = i++;
            long expected = entry + PAGE;
            while (i <= last && (entries[i] & compared) == expected) {
                i++;
                expected += PAGE;
            }
            mapped += i - begin;
            long page = entry & WalkPlan.TABLE_ADDRESS;
            int flags = flags(entry, above & (entry ^ Permissions.EXECUTABLE));
            if (apart && i <= last) {
                visitor.run(linear + ((long) begin << PAGE_SHIFT), page, (long) (i - begin) << PAGE_SHIFT, PAGE, flags);
                told++;
                continue;
            }
            run(linear, begin, i, page, flags);
            if (i <= last) {
                runs.flush();
                apart = true;
            }
        }
        runs.told(told);
        pages += mapped;
    }

    private static int nextPresent(long[] entries, int from, int last) {
        int i = from;
        while (i + 7 <= last && (entries[i] & PRESENT) == 0) {
            long eight = entries[i]
                    | entries[i + 1]
                    | entries[i + 2]
                    | entries[i + 3]
                    | entries[i + 4]
                    | entries[i + 5]
                    | entries[i + 6]
                    | entries[i + 7];
            if ((eight & PRESENT) != 0) {
                break;
            }
            i += 8;
        }
        while (i <= last && (entries[i] & PRESENT) == 0) {
            i++;
        }
        return i;
    }
}
