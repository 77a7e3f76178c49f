package io.guestmem.soft.mmu;

/** What the processor's walk of stage 2 found. Each vCPU has one and uses it again and again. */
public final class GuestWalk {
    /** The entry at which the walk ended. */
    public long spte;
    /** The level of its table. */
    public int level;
    /** Whether the walk set D. */
    public boolean becameDirty;
}
