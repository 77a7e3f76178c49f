package io.guestmem.paging;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * All that an address space of two stages maps, ascending and coalesced, without changing anything: what a guest's own tables
 * map, as far as the second stage has it. Like {@link SecondStage}, for one thread.
 *
 * <pre>{@code
 *   linear ── the guest's tables ──▶ the guest's physical ── the second stage ──▶ the host's physical
 *               themselves found through the second stage
 * }</pre>
 */
public final class NestedMappings {
    private static final int ENTRIES = 512;

    private final Mappings guest;
    private final SecondStage stage;
    private final long mostTables;

    private NestedMappings(Mappings guest, SecondStage stage, long mostTables) {
        this.guest = guest;
        this.stage = stage;
        this.mostTables = mostTables;
    }

    /**
     * Everything that a guest's root leads to.
     *
     * @param guest the guest's plan, of a mode with paging
     * @param stage one with page tables
     */
    public static NestedMappings of(WalkPlan guest, SecondStage stage) {
        return new NestedMappings(Mappings.of(guest, new StagedMemory(stage)), stage, Mappings.MOST_TABLES);
    }

    /** Only a part, as {@link Mappings#within}. */
    public NestedMappings within(long first, long last) {
        return new NestedMappings(guest.within(first, last), stage, mostTables);
    }

    /** With another limit of tables, for each stage; of the second, so many times 512 entries are read at most. */
    public NestedMappings mostTables(long most) {
        return new NestedMappings(guest.mostTables(most), stage, most);
    }

    /** Tells of every run. */
    public NestedTotals forEach(Consumer<NestedMapping> consumer) {
        Joining joining = new Joining(consumer);
        StageScan scan = new StageScan(stage, joining, Math.multiplyExact(mostTables, ENTRIES));
        MappingTotals totals = guest.forEach((linear, physical, size, pageSize, flags) -> {
            joining.begin(linear, physical, size, pageSize, flags);
            scan.range(physical, physical + size - 1);
            joining.end(scan.isStopped());
        });
        joining.flush();
        return new NestedTotals(totals, joining.runs, joining.missing, scan.result(), joining.stoppedAt);
    }

    /** Every run. */
    public List<NestedMapping> mappings() {
        List<NestedMapping> mappings = new ArrayList<>();
        forEach(mappings::add);
        return mappings;
    }

    /** Puts the second stage's parts of a guest's run together with it, and neighbours with each other. */
    private static final class Joining implements MappingVisitor {
        private final Consumer<NestedMapping> consumer;
        private @Nullable NestedMapping last;
        private long runs;
        private long missing;
        private long stoppedAt = -1;

        /** The guest's run. */
        private long linear;

        private long guestPhysical;
        private long guestPageSize;
        private int guestFlags;
        private long left;

        Joining(Consumer<NestedMapping> consumer) {
            this.consumer = consumer;
        }

        void begin(long nextLinear, long nextPhysical, long size, long pageSize, int flags) {
            linear = nextLinear;
            guestPhysical = nextPhysical;
            guestPageSize = pageSize;
            guestFlags = flags;
            left = size;
        }

        @Override
        public void run(long from, long physical, long size, long pageSize, int flags) {
            left -= size;
            boolean user = (guestFlags & USER) != 0;
            add(new NestedMapping(
                    linear + (from - guestPhysical),
                    from,
                    physical,
                    size,
                    Math.min(pageSize, guestPageSize),
                    (flags & READABLE) != 0,
                    (guestFlags & flags & WRITABLE) != 0,
                    user,
                    (guestFlags & EXECUTABLE) != 0 && (flags & (user ? USER_EXECUTABLE : EXECUTABLE)) != 0,
                    (guestFlags & ACCESSED) != 0,
                    (guestFlags & DIRTY) != 0));
        }

        /** After all parts of a run; without all of them, if the limit was met. */
        void end(boolean stopped) {
            if (!stopped) {
                missing += left;
            } else if (stoppedAt == -1) {
                stoppedAt = linear;
            }
        }

        private void add(NestedMapping next) {
            NestedMapping before = last;
            if (before != null && before.isContinuedBy(next)) {
                last = before.withSize(before.size() + next.size());
                return;
            }
            flush();
            last = next;
        }

        void flush() {
            NestedMapping ready = last;
            if (ready != null) {
                consumer.accept(ready);
                runs++;
                last = null;
            }
        }
    }
}
