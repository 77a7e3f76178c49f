package io.guestmem.soft.mmu;

import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.Trace;
import io.guestmem.soft.TraceSwitch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * One MMU for all states of a race. Each state has 2 MiB of guest memory of its own, and looks at one page in it; the memory is
 * used again after {@link #BLOCKS} states. What the trace tells of leaves that come and go is counted: a leaf that nobody took
 * away, and that is not there, shows.
 */
final class RaceMmu {
    static final long SMALL_PAGES = 512;

    private static final int BLOCKS = 1 << 14;
    private static final long PAGE_OF_BLOCK = 7;

    private static final AtomicIntegerArray LEAVES = new AtomicIntegerArray((int) (BLOCKS * SMALL_PAGES));
    private static final AtomicInteger NEXT = new AtomicInteger();
    private static final TdpMmu MMU = new TdpMmu(
            SoftKernelOptions.defaults(), Schedule.FREE, new TraceSwitch(RaceMmu::count), new KernelMemory(), () -> {});
    private static final Root ROOT = MMU.acquireRoot(new MmuRole(4, false, false, true));
    private static final Memslot SLOT = Memslot.of(0, 0, 0, BLOCKS * SMALL_PAGES, 0, 0, null, 0, null);
    private static final DirtyTracking TRACKING = new DirtyTracking(MMU.stageTwo);

    private RaceMmu() {}

    private static void count(Trace.Event event) {
        if (event.kind() != Trace.Kind.ENTRY || event.level() > 2) {
            return;
        }
        int gfn = (int) event.gfn();
        if (Spte.isLeaf(event.before(), event.level())) {
            LEAVES.decrementAndGet(gfn);
            if (Spte.isTable(event.after(), event.level())) {
                LEAVES.incrementAndGet(gfn + (int) PAGE_OF_BLOCK);
            }
        }
        if (Spte.isLeaf(event.after(), event.level())) {
            LEAVES.incrementAndGet(gfn);
        }
    }

    /** The page of a new state; nothing is mapped around it. */
    static long page() {
        return (NEXT.getAndIncrement() & BLOCKS - 1) * SMALL_PAGES + PAGE_OF_BLOCK;
    }

    static long sequence() {
        return MMU.invalidations().sequence();
    }

    /** A fault that has looked up its page. */
    static PageFault fault(long gfn, long pfn, long sequence) {
        PageFault fault = new PageFault();
        fault.start(gfn, false, false, false, false);
        fault.slot = SLOT;
        fault.pfn = pfn;
        fault.mapWritable = true;
        fault.sequence = sequence;
        return fault;
    }

    /** Maps a fault's page, unless it is stale: a {@link FaultResult}. */
    static int map(PageFault fault) {
        int stripe = (int) Thread.currentThread().threadId();
        ReadSections.Reader reader = MMU.readers().borrow();
        MMU.lock().lockRead(stripe);
        try {
            return MMU.isStale(fault, ROOT) ? FaultResult.RETRY : MMU.map(fault, ROOT, (_, _) -> {});
        } finally {
            MMU.lock().unlockRead(stripe);
            MMU.readers().release(reader);
        }
    }

    /** Maps a page with a leaf of its own. */
    static int map(long gfn) {
        return map(fault(gfn, gfn, sequence()));
    }

    /** Maps the block of a page with one leaf. */
    static void mapLarge(long gfn) {
        PageFault fault = fault(gfn, gfn, sequence());
        fault.hostLevel = 2;
        map(fault);
    }

    /** Makes the table for a page, and maps nothing there. */
    static void makeTable(long gfn) {
        map(gfn + 1);
    }

    /** The fast page fault of a write. */
    static int fix(long gfn, DirtyLogger dirty) {
        PageFault fault = fault(gfn, gfn, 0);
        fault.write = true;
        fault.present = true;
        fault.slot = SLOT.with(io.guestmem.abi.UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES, null);
        ReadSections.Reader reader = MMU.readers().borrow();
        try {
            return MMU.fixWithoutLock(fault, ROOT, dirty);
        } finally {
            MMU.readers().release(reader);
        }
    }

    /** The processor's walk. */
    static GuestWalk walk(long gfn, boolean write) {
        GuestWalk walk = new GuestWalk();
        ReadSections.Reader reader = MMU.readers().borrow();
        MMU.walk(ROOT, gfn, write, false, walk);
        MMU.readers().release(reader);
        return walk;
    }

    static void zap(long gfn) {
        MMU.lock().lockWrite();
        MMU.zapLeaves(0, gfn, gfn + 1);
        MMU.lock().unlockWrite();
    }

    /** The page behind a gfn changes: an invalidation, in the middle of which the host does it. */
    static void invalidate(long gfn, Runnable change) {
        MMU.lock().lockWrite();
        MMU.invalidations().begin();
        MMU.invalidations().add(gfn, gfn + 1);
        MMU.zapLeaves(0, gfn, gfn + 1);
        MMU.lock().unlockWrite();
        change.run();
        MMU.lock().lockWrite();
        MMU.invalidations().finish();
        MMU.lock().unlockWrite();
    }

    /** Clears a bit of a leaf, under the shared lock. */
    static void clear(long gfn, long bit) {
        int stripe = (int) Thread.currentThread().threadId();
        ReadSections.Reader reader = MMU.readers().borrow();
        MMU.lock().lockRead(stripe);
        TRACKING.clear(ROOT, gfn, gfn + 1, 1, bit);
        MMU.lock().unlockRead(stripe);
        MMU.readers().release(reader);
    }

    /** Clears a bit of a leaf, as the harvest of a dirty log does. */
    static void clearMasked(long gfn, long bit) {
        MMU.lock().lockWrite();
        TRACKING.clearMasked(ROOT, gfn, 1, bit);
        MMU.lock().unlockWrite();
    }

    /** Takes the table away that has the entry of a page, as the recovery of huge pages does, under the shared lock. */
    static void removeTable(long gfn) {
        int stripe = (int) Thread.currentThread().threadId();
        ReadSections.Reader reader = MMU.readers().borrow();
        MMU.lock().lockRead(stripe);
        long entry = entry(gfn, 2);
        long spte = NativeMemory.getAcquire(entry);
        if (Spte.isTable(spte, 2)) {
            MMU.stageTwo.compareAndSet(entry, gfn & -SMALL_PAGES, 2, spte, Spte.NEVER_MAPPED);
        }
        MMU.lock().unlockRead(stripe);
        MMU.readers().release(reader);
    }

    /** Freezes the entry of a page for a moment; 1 if nobody touched it meanwhile. */
    static int freeze(long gfn) {
        EntryHold hold = MMU.freeze(ROOT, gfn);
        int kept = Spte.isFrozen(NativeMemory.getAcquire(hold.entry())) ? 1 : 0;
        hold.release();
        return kept;
    }

    /** The address of an entry of a level, whose table is there. */
    private static long entry(long gfn, int level) {
        long table = ROOT.table();
        for (int at = 4; at > level; at--) {
            table = Spte.tableAddress(NativeMemory.getAcquire(Root.entry(table, gfn, at)));
        }
        return Root.entry(table, gfn, level);
    }

    /** The leaf that maps a page now; 0 if there is none. */
    static long leaf(long gfn) {
        long spte = NativeMemory.getAcquire(entry(gfn, 2));
        if (Spte.isTable(spte, 2)) {
            spte = NativeMemory.getAcquire(Root.entry(Spte.tableAddress(spte), gfn, 1));
        }
        return Spte.isPresent(spte) ? spte : 0;
    }

    static int isMapped(long gfn) {
        return leaf(gfn) == 0 ? 0 : 1;
    }

    /** Small leaves of a page that are counted and are not there, or the other way round. */
    static int uncounted(long gfn) {
        return LEAVES.get((int) gfn) - isMapped(gfn);
    }

    /** A state has ended: nothing is mapped around its page. */
    static void release(long gfn) {
        MMU.lock().lockWrite();
        MMU.stageTwo.set(entry(gfn, 2), gfn & -SMALL_PAGES, 2, Spte.NEVER_MAPPED);
        MMU.lock().unlockWrite();
    }
}
