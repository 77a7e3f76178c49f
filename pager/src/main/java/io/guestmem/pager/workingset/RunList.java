package io.guestmem.pager.workingset;

import java.util.ArrayList;
import java.util.List;

/** Pages as they come, joined to runs where that loses nothing. Not thread-safe. */
final class RunList {
    private final MemoryRegions memory;
    private final List<PageRun> runs = new ArrayList<>();

    private long page;
    private long pages;
    private Touch touch = Touch.READ;
    private long micros;
    private int seen;
    private int observed;

    RunList(MemoryRegions memory) {
        this.memory = memory;
    }

    void add(long next, Touch how, long when, int seenIn, int observedIn) {
        boolean follows = pages > 0
                && next == page + pages
                && how == touch
                && seenIn == seen
                && observedIn == observed
                && Math.abs(when - micros) <= PageRun.LONGEST_MICROS
                && next < memory.regionEnd(page);
        if (follows) {
            pages++;
            return;
        }
        flush();
        page = next;
        pages = 1;
        touch = how;
        micros = when;
        seen = seenIn;
        observed = observedIn;
    }

    private void flush() {
        if (pages > 0) {
            runs.add(new PageRun(page, pages, touch, micros, seen, observed));
        }
    }

    /** All of them; nothing can be added afterwards. */
    List<PageRun> runs() {
        flush();
        pages = 0;
        return List.copyOf(runs);
    }
}
