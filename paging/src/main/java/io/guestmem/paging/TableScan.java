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
     * Pages of 4 KiB: as long as each entry is the one before and a page more, nothing has to be worked out. Only the first and the
     * last run can have neighbours in other tables; those in between are told as they are.
     */
    private void lowest(long[] entries, int first, int last, long base, long above) {
        long refused = reservedBits.leaf(1);
        long compared = KIND | WalkPlan.TABLE_ADDRESS | refused;
        long linear = limits.signExtended(mode, base);
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
            long at = linear + ((long) begin << PAGE_SHIFT);
            long physical = entry & WalkPlan.TABLE_ADDRESS;
            long size = (long) (i - begin) << PAGE_SHIFT;
            int flags = flags(entry, above & (entry ^ Permissions.EXECUTABLE));
            if (apart && i <= last) {
                visitor.run(at, physical, size, PAGE, flags);
                told++;
                continue;
            }
            runs.run(at, physical, size, PAGE, flags);
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
