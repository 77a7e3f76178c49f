package io.guestmem.paging;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * All that a second stage maps of a guest's physical memory, ascending and coalesced, without changing anything. Like {@link
 * SecondStage}, for one thread.
 *
 * <p>Tables may point wherever they like, to themselves too; see {@link #mostTables}.
 */
public final class StageMappings {
    private static final int ENTRIES = 512;

    private final SecondStage stage;
    private final long first;
    private final long last;
    private final long mostTables;

    private StageMappings(SecondStage stage, long first, long last, long mostTables) {
        this.stage = stage;
        this.first = first;
        this.last = last;
        this.mostTables = mostTables;
    }

    /**
     * Everything that a stage maps.
     *
     * @param stage one with page tables
     */
    public static StageMappings of(SecondStage stage) {
        return new StageMappings(stage, 0, Long.MAX_VALUE, Mappings.MOST_TABLES);
    }

    /**
     * Only a part; pages that reach into it are cut.
     *
     * @param from the lowest physical address of the guest
     * @param to the highest, itself included
     */
    public StageMappings within(long from, long to) {
        if (from < 0 || to < from) {
            throw new IllegalArgumentException(
                    "no range of physical addresses: 0x" + Long.toHexString(from) + " to 0x" + Long.toHexString(to));
        }
        return new StageMappings(stage, from, to, mostTables);
    }

    /** With another limit of tables: so many times 512 entries are read at most. Without it {@link Mappings#MOST_TABLES}. */
    public StageMappings mostTables(long most) {
        return new StageMappings(stage, first, last, most);
    }

    /**
     * Tells of every run.
     *
     * @return what was met, with addresses of the guest's physical memory
     */
    public MappingTotals forEach(Consumer<StageMapping> consumer) {
        RunBuilder runs =
                new RunBuilder((guestPhysical, physical, size, pageSize, flags) -> consumer.accept(new StageMapping(
                        guestPhysical,
                        physical,
                        size,
                        pageSize,
                        (flags & MappingVisitor.READABLE) != 0,
                        (flags & MappingVisitor.WRITABLE) != 0,
                        (flags & MappingVisitor.EXECUTABLE) != 0,
                        (flags & MappingVisitor.USER_EXECUTABLE) != 0,
                        (flags & MappingVisitor.ACCESSED) != 0,
                        (flags & MappingVisitor.DIRTY) != 0)));
        StageScan scan = new StageScan(stage, runs, Math.multiplyExact(mostTables, ENTRIES));
        scan.range(first, last);
        runs.flush();
        return scan.result().withRuns(runs.runs());
    }

    /** Every run. */
    public List<StageMapping> mappings() {
        List<StageMapping> mappings = new ArrayList<>();
        forEach(mappings::add);
        return mappings;
    }
}
