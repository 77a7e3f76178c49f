/**
 * The TDP MMU: memslots as faults see them, stage-2 tables off-heap, faults, zaps, and what dirty logging does to entries.
 *
 * <pre>{@code
 *   TdpMmu ── roots, and everything that is done to them
 *     ├── FaultMapper      maps a page, or a row of pages       mmu_lock shared
 *     ├── LocklessFaults   changes a leaf, walks for the guest  no lock
 *     ├── Zapper           leaves of a range; whole roots       mmu_lock alone; shared
 *     ├── DirtyTracking    protect, split, make large again     mmu_lock shared
 *     ├── NxHugePages      tables that a mitigation made        a lock of its own, innermost
 *     └── StageTwo         how an entry is replaced, and what follows
 * }</pre>
 *
 * <p><b>Invariants</b> (kernel.md 6.13). A present leaf maps the page that the host or the guest_memfd gives now, unless an
 * invalidation that covers it is in progress. After an invalidation has begun there is no leaf of its range in any root. Pages in
 * the statistics are the present leaves. A leaf is writable only if the memslot and the host's page are. A leaf that becomes
 * writable in a memslot that logs is in the log first. No reader walks into a table that is in use for something else.
 *
 * <p><b>Order.</b> {@code mmu_lock}, then the lock of {@link io.guestmem.soft.mmu.NxHugePages}, then that of
 * {@link io.guestmem.soft.mmu.PageTables}. A read section of the tables is entered before {@code mmu_lock}; nobody waits for the
 * end of read sections under {@code mmu_lock}.
 */
@NullMarked
package io.guestmem.soft.mmu;

import org.jspecify.annotations.NullMarked;
