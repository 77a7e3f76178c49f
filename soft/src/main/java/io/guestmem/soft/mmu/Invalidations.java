package io.guestmem.soft.mmu;

/**
 * The invalidations that are under way, by which a fault learns that the page it looked up may be gone.
 *
 * <p>Changed under {@code mmu_lock} for writing. A fault reads {@link #sequence} first, then looks up its page, and asks
 * {@link #mustRetry} under {@code mmu_lock} for reading before it maps the page.
 *
 * <p>The range is the union of all ranges since the count was 0 last, so that pages between two invalidations wait too. Source:
 * Linux 7.2 {@code kvm_main.c:kvm_mmu_invalidate_range_add}, {@code kvm_host.h:mmu_invalidate_retry_gfn}.
 */
public final class Invalidations {
    private volatile long sequence;
    private volatile int inProgress;
    private volatile long start;
    private volatile long end;

    /** An invalidation begins; its ranges follow. Under {@code mmu_lock} for writing. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer at a time
    public void begin() {
        if (inProgress == 0) {
            start = Long.MAX_VALUE;
            end = 0;
        }
        inProgress++;
    }

    /** Adds gfns to the invalidation. Under {@code mmu_lock} for writing. */
    public void add(long from, long to) {
        start = Math.min(start, from);
        end = Math.max(end, to);
    }

    /** An invalidation ends: what was looked up before or during it is old. Under {@code mmu_lock} for writing. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer at a time
    public void finish() {
        sequence++;
        if (--inProgress < 0) {
            throw new IllegalStateException("an invalidation ended that had not begun");
        }
    }

    /** Ends of invalidations so far. */
    public long sequence() {
        return sequence;
    }

    /** Invalidations that are under way. */
    public int inProgress() {
        return inProgress;
    }

    /** Whether a page that was looked up after {@code seen} was read must not be mapped. */
    public boolean mustRetry(long seen, long gfn) {
        return (inProgress != 0 && gfn >= start && gfn < end) || sequence != seen;
    }
}
