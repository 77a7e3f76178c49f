package io.guestmem.soft.mmu;

import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.Trace;
import io.guestmem.soft.TraceSwitch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongToIntFunction;

/**
 * The TDP MMU of a VM: its roots, and everything that is done to them. Thread-safe; each method says which locks it takes.
 *
 * <p>The invalid roots stay in the list until nobody uses them, so that an invalidation finds them too. Source: Linux 7.2
 * {@code tdp_mmu.c}.
 */
public final class TdpMmu implements AutoCloseable {
    private static final Root[] NONE = {};

    private final SoftKernelOptions options;
    final StageTwo stageTwo;
    private final Invalidations invalidations = new Invalidations();
    private final FaultMapper mapper;
    private final LocklessFaults lockless;
    private final Zapper zapper;
    private final DirtyTracking tracking;

    /** All roots, invalid ones too. Replaced under {@link #rootsLock}. */
    private volatile Root[] roots = NONE;

    private final Object rootsLock = new Object();

    /** An MMU without roots. */
    public TdpMmu(
            SoftKernelOptions options, Schedule schedule, TraceSwitch trace, KernelMemory memory, RemoteTlbs tlbs) {
        this.options = options;
        this.stageTwo = new StageTwo(schedule, trace, memory, tlbs, options.nxHugePages());
        this.mapper = new FaultMapper(stageTwo, invalidations, options);
        this.lockless = new LocklessFaults(stageTwo);
        this.zapper = new Zapper(stageTwo);
        this.tracking = new DirtyTracking(stageTwo);
    }

    /** {@code mmu_lock}. */
    public MmuLock lock() {
        return stageTwo.lock;
    }

    /** The invalidations that are under way. */
    public Invalidations invalidations() {
        return invalidations;
    }

    /** Who walks tables without a lock. */
    public ReadSections readers() {
        return stageTwo.readers;
    }

    /** The statistics. */
    public MmuStatistics statistics() {
        return stageTwo.statistics;
    }

    /** Tables in use: times 4096 is the memory of stage 2. */
    public long tables() {
        return stageTwo.tables.used();
    }

    /** Switches the mitigation for executable huge pages off; before there are vCPUs. */
    public void disableNxHugePages() {
        stageTwo.nxHugePages.disable();
    }

    /** Tells who listens that something happened to pages. */
    public void trace(Trace.Kind kind, long gfn, long pages, String why) {
        stageTwo.trace(kind, gfn, pages, 0, 0, 0, why);
    }

    /** Flushes the TLBs of all vCPUs. */
    public void flush() {
        stageTwo.flush();
    }

    // Roots.

    /** A root for a role, with a reference for the caller: an existing valid one, or a new one. Takes no lock. */
    public Root acquireRoot(MmuRole role) {
        synchronized (rootsLock) {
            for (Root root : roots) {
                if (!root.isInvalid() && root.role().equals(role) && root.get()) {
                    return root;
                }
            }
            Root root = new Root(role, stageTwo.tables.allocate(0, role.level()));
            Root[] more = Arrays.copyOf(roots, roots.length + 1);
            more[roots.length] = root;
            roots = more;
            return root;
        }
    }

    /** Gives a reference back. Takes no lock. */
    public void releaseRoot(Root root) {
        if (root.put()) {
            synchronized (rootsLock) {
                roots = Arrays.stream(roots).filter(each -> each != root).toArray(Root[]::new);
            }
            stageTwo.tables.retire(root.table());
        }
    }

    /** All roots, invalid ones too. */
    public List<Root> roots() {
        return List.of(roots);
    }

    /** Makes every root invalid; under {@code mmu_lock} for writing. vCPUs must reload before they map anything again. */
    public void invalidateRoots() {
        for (Root root : roots) {
            root.invalidate();
        }
    }

    /** Zaps invalid roots and drops the MMU's own references to them. Takes {@code mmu_lock} for reading. */
    public void zapInvalidatedRoots() {
        List<Root> own = new ArrayList<>();
        synchronized (rootsLock) {
            for (Root root : roots) {
                if (root.isInvalid() && root.takeOwnReference()) {
                    own.add(root);
                }
            }
        }
        ReadSections.Reader reader = stageTwo.readers.borrow();
        stageTwo.lock.lockRead(0);
        try {
            for (Root root : own) {
                zapper.zapRoot(root);
                releaseRoot(root);
            }
        } finally {
            stageTwo.lock.unlockRead(0);
            stageTwo.readers.release(reader);
        }
    }

    // Faults.

    /** Whether the fast page fault may help: there is an entry to change, or entries are inaccessible to notice accesses. */
    public boolean canFixWithoutLock(PageFault fault) {
        return fault.present ? fault.write : !options.accessedDirtyBits();
    }

    /** The fast page fault, where {@link #canFixWithoutLock}: FIXED, SPURIOUS or INVALID. In a read section. */
    public int fixWithoutLock(PageFault fault, Root root, DirtyLogger dirty) {
        return lockless.tryFix(fault, root, dirty);
    }

    /** Whether the page that a fault looked up may be gone, or the root is. Under {@code mmu_lock}. */
    public boolean isStale(PageFault fault, Root root) {
        return mapper.isStale(fault, root);
    }

    /** Maps the page of a fault: a {@link FaultResult}. Under {@code mmu_lock} for reading and in a read section. */
    public int map(PageFault fault, Root root, DirtyLogger dirty) {
        return mapper.map(fault, root, dirty);
    }

    /**
     * Maps pages in a row for a prefetch, all covered by one table of small leaves. Under {@code mmu_lock} for reading and in a
     * read section.
     *
     * @param sequence as it was before the pages were looked up
     * @param faults what the host said of each, all of them pages
     * @return how many are mapped now; fewer than {@code count} if the next needs {@link #map}
     */
    public int mapRow(
            Root root, Memslot slot, long firstGfn, long sequence, long[] faults, int count, DirtyLogger dirty) {
        return mapper.mapRow(root, slot, firstGfn, sequence, faults, count, dirty);
    }

    /** The processor's walk, which sets A and D. In a read section. */
    public long walk(Root root, long gfn, boolean write, boolean exec, GuestWalk result) {
        return lockless.walk(root, gfn, write, exec, result);
    }

    // Zaps.

    /**
     * Zaps every leaf with a page of a range, in all roots of an address space. Under {@code mmu_lock} for writing.
     *
     * @return whether TLBs must be flushed
     */
    public boolean zapLeaves(int addressSpace, long from, long to) {
        boolean zapped = false;
        stageTwo.trace(Trace.Kind.ZAP, from, to - from, 0, 0, 0, "");
        for (Root root : roots) {
            if (root.role().addressSpace() == addressSpace) {
                zapped |= zapper.zapLeaves(root, from, to);
            }
        }
        return zapped;
    }

    /** {@code kvm_mmu_zap_all_fast}: everything of every root. Takes {@code mmu_lock}. */
    public void zapAll() {
        stageTwo.lock.lockWrite();
        try {
            invalidateRoots();
        } finally {
            stageTwo.lock.unlockWrite();
        }
        stageTwo.flush();
        zapInvalidatedRoots();
    }

    /** Takes tables away that only the mitigation made: the oldest, at most so many. Takes {@code mmu_lock} for reading. */
    public int recoverNxHugePages(int limit) {
        return stageTwo.nxHugePages.recover(limit, 0);
    }

    // Dirty logging.

    /** Write-protects a slot's leaves of at least a level, or clears D of all. Under {@code mmu_lock}. */
    public boolean protect(Memslot slot, int minLevel, boolean clearDirty) {
        boolean changed = false;
        ReadSections.Reader reader = stageTwo.readers.borrow();
        for (Root root : validRoots(slot.addressSpace())) {
            long bits = clearDirty && root.role().accessedDirty() ? Spte.DIRTY : Spte.WRITABLE;
            changed |= tracking.clear(root, slot.baseGfn(), slot.endGfn(), minLevel, bits);
        }
        stageTwo.readers.release(reader);
        return changed;
    }

    /** Write-protects the large leaf of a gfn, so that not even the fast path makes it writable. Under {@code mmu_lock}. */
    public boolean protectLarge(Memslot slot, long gfn) {
        boolean changed = false;
        ReadSections.Reader reader = stageTwo.readers.borrow();
        for (Root root : validRoots(slot.addressSpace())) {
            changed |= tracking.clear(root, gfn, gfn + 1, 2, Spte.WRITABLE | Spte.MMU_WRITABLE);
        }
        stageTwo.readers.release(reader);
        return changed;
    }

    /** Tracks the next writes of 64 pages, where the mask has a 1. Under {@code mmu_lock} for writing. */
    public void protectMasked(Memslot slot, long gfn, long mask, boolean clearDirty) {
        for (Root root : validRoots(slot.addressSpace())) {
            long bit = clearDirty && root.role().accessedDirty() ? Spte.DIRTY : Spte.WRITABLE;
            tracking.clearMasked(root, gfn, mask, bit);
        }
    }

    /** Splits every large leaf of a range of a slot. Under {@code mmu_lock}. */
    public void split(Memslot slot, long from, long to) {
        ReadSections.Reader reader = stageTwo.readers.borrow();
        for (Root root : validRoots(slot.addressSpace())) {
            tracking.split(root, from, to);
        }
        stageTwo.readers.release(reader);
    }

    /**
     * Puts large leaves in the place of tables of a slot, where backing and slot allow. Under {@code mmu_lock} for reading.
     *
     * @param hostLevel the level of the backing of a gfn
     */
    public boolean recoverLarge(Memslot slot, LongToIntFunction hostLevel) {
        boolean changed = false;
        ReadSections.Reader reader = stageTwo.readers.borrow();
        for (Root root : validRoots(slot.addressSpace())) {
            changed |= tracking.recover(
                    root, slot, gfn -> Math.min(mapper.allowedLevel(slot, gfn, 3), hostLevel.applyAsInt(gfn)));
        }
        stageTwo.readers.release(reader);
        return changed;
    }

    /**
     * Zaps tables of a slot in whose place there may be large leaves: what Linux 6.12 does instead. Under {@code mmu_lock} for
     * reading.
     *
     * @param hostLevel the level of the backing of a gfn
     */
    public void zapCollapsible(Memslot slot, LongToIntFunction hostLevel) {
        ReadSections.Reader reader = stageTwo.readers.borrow();
        for (Root root : validRoots(slot.addressSpace())) {
            tracking.zapCollapsible(
                    root, slot, gfn -> Math.min(mapper.allowedLevel(slot, gfn, 3), hostLevel.applyAsInt(gfn)));
        }
        stageTwo.readers.release(reader);
    }

    private List<Root> validRoots(int addressSpace) {
        List<Root> valid = new ArrayList<>();
        for (Root root : roots) {
            if (!root.isInvalid() && root.role().addressSpace() == addressSpace) {
                valid.add(root);
            }
        }
        return valid;
    }

    // Aging and looking inside.

    /**
     * Whether pages of a range were accessed since the last time; with {@code clear} they count as not accessed from now on.
     * Takes no lock and flushes nothing.
     */
    public boolean age(int addressSpace, long from, long to, boolean clear) {
        boolean[] young = {false};
        ReadSections.Reader reader = stageTwo.readers.borrow();
        for (Root root : roots) {
            if (root.role().addressSpace() == addressSpace) {
                EntryVisitor.walk(root, from, to, (entry, gfn, level, spte) -> {
                    if (Spte.isLeaf(spte, level) && (spte & Spte.ACCESSED) != 0) {
                        young[0] = true;
                        if (clear) {
                            // A lost race leaves the page young, which does no harm.
                            stageTwo.compareAndSet(entry, gfn, level, spte, Spte.trackAccess(spte));
                        }
                    }
                });
            }
        }
        stageTwo.readers.release(reader);
        return young[0];
    }

    /** Freezes the entry at which the walk of a gfn ends, until it is released. Nobody else must be taking its table apart. */
    public EntryHold freeze(Root root, long gfn) {
        ReadSections.Reader reader = stageTwo.readers.borrow();
        try {
            int level = root.role().level();
            long entry = Root.entry(root.table(), gfn, level);
            long spte = NativeMemory.getAcquire(entry);
            while (Spte.isTable(spte, level)) {
                level--;
                entry = Root.entry(Spte.tableAddress(spte), gfn, level);
                spte = NativeMemory.getAcquire(entry);
            }
            return new EntryHold(entry, NativeMemory.getAndSet(entry, Spte.FROZEN));
        } finally {
            stageTwo.readers.release(reader);
        }
    }

    /** The entries of a root that are not empty, by gfn, tables before what is in them. */
    public List<EntrySnapshot> entries(Root root) {
        List<EntrySnapshot> entries = new ArrayList<>();
        ReadSections.Reader reader = stageTwo.readers.borrow();
        EntryVisitor.walk(
                root, 0, Long.MAX_VALUE, (_, gfn, level, spte) -> entries.add(new EntrySnapshot(gfn, level, spte)));
        stageTwo.readers.release(reader);
        return entries;
    }

    /**
     * A stage-2 entry as it was.
     *
     * @param gfn the first page that it covers
     * @param level of its table
     * @param spte its value
     */
    public record EntrySnapshot(long gfn, int level, long spte) {
        /** Whether it maps memory. */
        public boolean isLeaf() {
            return Spte.isLeaf(spte, level);
        }
    }

    /** Frees all tables; when no vCPU is left. */
    @Override
    public void close() {
        stageTwo.tables.close();
    }
}
