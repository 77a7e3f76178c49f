package io.guestmem.pager.workingset;

import java.util.List;

/** Working sets for tests: of a memory of 64 pages in two regions, {@code [0, 32)} and {@code [40, 72)} of the file. */
final class Sets {
    static final long PAGE = 4096;
    static final MemoryRegions LAYOUT = new MemoryRegions(
            PAGE, List.of(new MemoryRegions.Extent(0, 32 * PAGE), new MemoryRegions.Extent(40 * PAGE, 32 * PAGE)));
    static final SnapshotIdentity SNAPSHOT =
            new SnapshotIdentity(List.of(new SnapshotIdentity.Stamp(72 * PAGE, 1_700_000_000_123_456_789L)));

    private Sets() {}

    /** As one run of a VM records it. */
    static PageRun read(long page, long pages) {
        return touched(page, pages, Touch.READ, 0);
    }

    static PageRun touched(long page, long pages, Touch touch, long micros) {
        int known = touch == Touch.AHEAD ? 0 : PageRun.ONE;
        return new PageRun(page, pages, touch, micros, known, known);
    }

    static WorkingSet recorded(PageRun... runs) {
        return new WorkingSet(LAYOUT, SNAPSHOT, PageRun.ONE, List.of(runs));
    }

    /** Pages that were read, one after the other. */
    static WorkingSet pages(long... pages) {
        RunList runs = new RunList(LAYOUT);
        for (long page : pages) {
            runs.add(page, Touch.READ, 0, PageRun.ONE, PageRun.ONE);
        }
        return new WorkingSet(LAYOUT, SNAPSHOT, PageRun.ONE, runs.runs());
    }
}
