package io.guestmem.conform;

import io.guestmem.abi.KvmFile;

/** A look inside a kernel that is a model. Every method names a file of that kernel. Thread-safe. */
public interface ModelInspection {
    /** The generation of the memslots of an address space. */
    long generation(KvmFile vm, int addressSpace);

    /**
     * Whether a block of a memslot has pages of both attributes ({@code KVM_LPAGE_MIXED_FLAG}).
     *
     * @param slot of address space 0
     * @param level 2 or 3
     * @param gfn the first of the block
     */
    boolean isMixed(KvmFile vm, int slot, int level, long gfn);

    /** Begins an invalidation of host memory, as an mmu notifier does, and leaves it open. */
    Invalidation openInvalidation(KvmFile vm, long hva, long length);

    /** An invalidation that is under way; closing ends it. */
    interface Invalidation extends AutoCloseable {
        @Override
        void close();
    }
}
