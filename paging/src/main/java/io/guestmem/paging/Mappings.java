package io.guestmem.paging;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * All that an address space maps, ascending and coalesced. One stage, without changing anything; no access is asked for.
 *
 * <p>Tables may point wherever a guest likes, to themselves too: the depth is bounded by the levels, and the number of tables by
 * {@link #mostTables}. Immutable; each enumeration is on its own.
 */
public final class Mappings {
    /** How many tables an enumeration goes through at most unless told otherwise: as many as map 32 TiB page by page. */
    public static final long MOST_TABLES = 1L << 24;

    private static final int PD_LEVEL = 2;
    private static final int UNITS_AT_A_TIME = 64;
    private static final long PRESENT = 1;

    private final WalkPlan plan;
    private final PhysicalMemory memory;
    private final long from;
    private final long last;
    private final long mostTables;

    private Mappings(WalkPlan plan, PhysicalMemory memory, long from, long last, long mostTables) {
        this.plan = plan;
        this.memory = memory;
        this.from = from;
        this.last = last;
        this.mostTables = mostTables;
    }

    /**
     * Everything that a plan's root leads to.
     *
     * @param plan of a mode with paging
     */
    public static Mappings of(WalkPlan plan, PhysicalMemory memory) {
        if (plan.mode() == PagingMode.NONE || !(plan.format() instanceof X86Format)) {
            throw new IllegalArgumentException("nothing to enumerate without page tables");
        }
        return new Mappings(plan, memory, 0, -1, MOST_TABLES);
    }

    /**
     * Only a part; pages that reach into it are there as a whole.
     *
     * @param first the lowest linear address
     * @param last the highest, itself included; as unsigned numbers, so that the upper half of a long mode comes last
     */
    public Mappings within(long first, long last) {
        return new Mappings(plan, memory, first, last, mostTables);
    }

    /** With another limit of tables, in total. */
    public Mappings mostTables(long most) {
        return new Mappings(plan, memory, from, last, most);
    }

    /** Tells the visitor of every run. */
    public MappingTotals forEach(MappingVisitor visitor) {
        Limits limits = new Limits(this);
        TableScan scan = scan(limits, visitor, null);
        if (plan.mode() == PagingMode.PAE) {
            for (int i = 0; i < 4; i++) {
                long base = (long) i << 30;
                long pdpte = plan.pdpte(base);
                if ((pdpte & PRESENT) != 0 && limits.touches(base, 1L << 30) && !scan.isStopped()) {
                    scan.table(plan.table(pdpte), PD_LEVEL, base, -1);
                }
            }
        } else {
            scan.table(plan.root(), plan.mode().levels(), 0, -1);
        }
        return scan.result();
    }

    /**
     * Tells of every run by many threads, in parts of 1 GiB: each part has a visitor of its own, which is told of the part's runs by one
     * thread, ascending. What crosses a border between parts is two runs. Only the long modes are large enough to be divided.
     *
     * <p>There is none with one visitor for all: where runs are many, remembering them for it takes longer than finding them.
     *
     * @param pool whose threads do it
     * @param visitors makes the visitor of a part; called by these threads
     * @param parts is given them, in the order of addresses, by the calling thread, each when all of its part has been told
     */
    public <V extends MappingVisitor> MappingTotals forEachInParallel(
            ForkJoinPool pool, Supplier<V> visitors, Consumer<V> parts) {
        if (!plan.mode().isLong()) {
            V visitor = visitors.get();
            MappingTotals total = forEach(visitor);
            parts.accept(visitor);
            return total;
        }
        Limits limits = new Limits(this);
        List<TableScan.Unit> units = new ArrayList<>();
        TableScan upper = scan(limits, (_, _, _, _, _) -> {}, units);
        upper.table(plan.root(), plan.mode().levels(), 0, -1);
        MappingTotals total = upper.result();
        for (int next = 0; next < units.size() && total.isComplete(); next += UNITS_AT_A_TIME) {
            List<ForkJoinTask<Part<V>>> tasks =
                    units.subList(next, Math.min(units.size(), next + UNITS_AT_A_TIME)).stream()
                            .map(unit -> ForkJoinTask.adapt(() -> part(limits, unit, visitors.get())))
                            .toList();
            pool.invoke(ForkJoinTask.adapt(() -> ForkJoinTask.invokeAll(tasks)));
            for (int i = 0; i < tasks.size() && total.isComplete(); i++) {
                Part<V> part = tasks.get(i).join();
                parts.accept(part.visitor);
                total = total.and(part.result);
            }
        }
        return total;
    }

    private record Part<V>(V visitor, MappingTotals result) {}

    private <V extends MappingVisitor> Part<V> part(Limits limits, TableScan.Unit unit, V visitor) {
        TableScan scan = scan(limits, visitor, null);
        scan.unit(unit);
        return new Part<>(visitor, scan.result());
    }

    private TableScan scan(Limits limits, MappingVisitor visitor, @Nullable List<TableScan.Unit> units) {
        return new TableScan(plan, (X86Format) plan.format(), memory, limits, visitor, units);
    }

    /** Tells of every run as a {@link Mapping}. */
    public MappingTotals forEachMapping(Consumer<Mapping> consumer) {
        return forEach((linear, physical, size, pageSize, flags) -> consumer.accept(new Mapping(
                linear,
                physical,
                size,
                pageSize,
                (flags & MappingVisitor.WRITABLE) != 0,
                (flags & MappingVisitor.USER) != 0,
                (flags & MappingVisitor.EXECUTABLE) != 0,
                (flags & MappingVisitor.ACCESSED) != 0,
                (flags & MappingVisitor.DIRTY) != 0)));
    }

    /** Every run. */
    public List<Mapping> mappings() {
        List<Mapping> mappings = new ArrayList<>();
        forEachMapping(mappings::add);
        return mappings;
    }

    /** What a table may be gone through for, and how many there may be. Shared by the threads of one enumeration. */
    static final class Limits {
        private final long from;
        private final long last;
        private final AtomicLong tablesLeft;
        private final TableSet tables = new TableSet();

        Limits(Mappings of) {
            int bits = switch (of.plan.mode()) {
                case NONE, BITS_32, PAE -> 32;
                case LEVEL_4 -> 48;
                case LEVEL_5 -> 57;
            };
            long mask = (1L << bits) - 1;
            this.from = of.from & mask;
            this.last = of.last & mask;
            this.tablesLeft = new AtomicLong(of.mostTables);
        }

        long from() {
            return from;
        }

        boolean takeTable() {
            return tablesLeft.getAndDecrement() > 0;
        }

        /** Whether a table is met for the first time. */
        boolean met(long table) {
            return tables.add(table);
        }

        boolean touches(long base, long size) {
            return base <= last && base + size > from;
        }

        int firstIndex(PagingMode mode, long base, int level, int entries) {
            return Math.clamp((from - base) >> mode.shift(level), 0, entries);
        }

        int lastIndex(PagingMode mode, long base, int level, int entries) {
            return Math.clamp((last - base) >> mode.shift(level), -1, entries - 1);
        }

        long signExtended(PagingMode mode, long linear) {
            return switch (mode) {
                case NONE, BITS_32, PAE -> linear;
                case LEVEL_4 -> (linear << 16) >> 16;
                case LEVEL_5 -> (linear << 7) >> 7;
            };
        }
    }
}
