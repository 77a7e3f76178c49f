package io.guestmem.soft.mmu;

import java.util.concurrent.atomic.LongAdder;

/** The statistics of a VM's MMU. Thread-safe; exact when nothing is under way. */
public final class MmuStatistics {
    private final LongAdder[] pages = {new LongAdder(), new LongAdder(), new LongAdder()};
    private final LongAdder nxSplits = new LongAdder();
    private final LongAdder flushes = new LongAdder();
    private final LongAdder flushRequests = new LongAdder();

    /** Present leaves of a level, 1 to 3, over all roots. */
    public long pages(int level) {
        return pages[level - 1].sum();
    }

    /** Tables that are there for the mitigation only. */
    public long nxSplits() {
        return nxSplits.sum();
    }

    /** Flushes of remote TLBs. */
    public long flushes() {
        return flushes.sum();
    }

    /** Requests for such flushes. */
    public long flushRequests() {
        return flushRequests.sum();
    }

    void addPages(int level, long count) {
        pages[level - 1].add(count);
    }

    void addNxSplit(long count) {
        nxSplits.add(count);
    }

    void countFlush() {
        flushRequests.increment();
        flushes.increment();
    }
}
