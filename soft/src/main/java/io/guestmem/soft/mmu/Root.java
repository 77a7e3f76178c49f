package io.guestmem.soft.mmu;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The top of a stage-2 tree. It has a reference for each vCPU that uses it, and one of the MMU's own until it was invalidated
 * and zapped. Source: Linux 7.2 {@code tdp_mmu.c:kvm_tdp_mmu_alloc_root}, {@code kvm_tdp_mmu_zap_invalidated_roots}.
 */
public final class Root {
    private final MmuRole role;
    private final long table;
    private final AtomicInteger references = new AtomicInteger(2);
    private volatile boolean invalid;

    /** Whether the MMU's own reference is still there. Guarded by the list of roots. */
    private boolean ownReference = true;

    Root(MmuRole role, long table) {
        this.role = role;
        this.table = table;
    }

    /** What it is for. */
    public MmuRole role() {
        return role;
    }

    /** Whether vCPUs must get another one. */
    public boolean isInvalid() {
        return invalid;
    }

    /** References of vCPUs and the MMU. */
    public int references() {
        return references.get();
    }

    long table() {
        return table;
    }

    void invalidate() {
        invalid = true;
    }

    /** Takes a reference, unless there is none any more. */
    boolean get() {
        return references.getAndUpdate(count -> count == 0 ? 0 : count + 1) != 0;
    }

    /** Drops a reference; returns whether it was the last one. */
    boolean put() {
        return references.decrementAndGet() == 0;
    }

    /** Whether the caller may drop the MMU's own reference: once. */
    boolean takeOwnReference() {
        boolean own = ownReference;
        ownReference = false;
        return own;
    }

    /** The native address of the entry of a gfn in a table of a level. */
    static long entry(long table, long gfn, int level) {
        return table + ((long) Spte.index(gfn, level) << 3);
    }
}
