package io.guestmem.soft.mmu;

/** Takes note of pages that become dirty: in a bitmap, or in a vCPU's ring. */
@FunctionalInterface
public interface DirtyLogger {
    /** A page of a memslot that logs is dirty. */
    void markDirty(Memslot slot, long gfn);
}
