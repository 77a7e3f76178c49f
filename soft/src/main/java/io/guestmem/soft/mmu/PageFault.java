package io.guestmem.soft.mmu;

import org.jspecify.annotations.Nullable;

/**
 * A fault on its way through the MMU: {@code struct kvm_page_fault}. Each vCPU has one and uses it again and again, so that a
 * fault allocates nothing. Used by the vCPU's thread only.
 */
@SuppressWarnings("checkstyle:VisibilityModifier") // a struct of the hot path
public final class PageFault {
    /** The page. */
    public long gfn;
    /** A write. */
    public boolean write;
    /** A fetch. */
    public boolean exec;
    /** The entry was present, and did not allow the access. */
    public boolean present;
    /** Nobody accesses the page; it is mapped in advance. */
    public boolean prefetch;
    /** The access is to private memory. */
    public boolean isPrivate;
    /** The memslot, if there is one. */
    public @Nullable Memslot slot;
    /** {@link Invalidations#sequence} before the page was looked up. */
    public long sequence;
    /** The generation of the memslots in which there was none. */
    public long generation;
    /** The page that backs it. */
    public long pfn;
    /** Whether the host lets KVM write. */
    public boolean mapWritable;
    /** The largest level that the backing allows. */
    public int maxLevel;
    /** The level of the host's mapping. */
    public int hostLevel;
    /** The level that could be mapped. */
    public int requestedLevel;
    /** The level that shall be mapped. */
    public int goalLevel;
    /** Whether only the mitigation for executable huge pages keeps it from being large. */
    public boolean hugePageDisallowed;

    /** Starts a fault. */
    public void start(long faultGfn, boolean isWrite, boolean isExec, boolean isPresent, boolean isPrefetch) {
        gfn = faultGfn;
        write = isWrite;
        exec = isExec;
        present = isPresent;
        prefetch = isPrefetch;
        isPrivate = false;
        slot = null;
        maxLevel = 3;
        hostLevel = 1;
        requestedLevel = 1;
        goalLevel = 1;
        hugePageDisallowed = false;
    }
}
