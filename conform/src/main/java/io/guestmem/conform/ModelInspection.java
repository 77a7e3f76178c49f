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

    /**
     * The leaf of the stage-2 tables that a vCPU of the VM uses for a guest-physical address outside system management mode.
     *
     * @param vcpu its id
     */
    Leaf leaf(KvmFile vm, int vcpu, long gpa);

    /** Stops the next fault of a VM between looking up the host's page and taking the MMU lock. */
    Pause pauseNextFault(KvmFile vm);

    /** Begins an invalidation of host memory, as an mmu notifier does, and leaves it open. */
    Invalidation openInvalidation(KvmFile vm, long hva, long length);

    /** An invalidation that is under way; closing ends it. */
    interface Invalidation extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * An entry of the stage-2 tables.
     *
     * @param level 1, 2 or 3; 0 if there is no leaf
     * @param writable the guest may write
     * @param executable the guest may fetch
     * @param accessed the accessed bit is set
     * @param dirty the dirty bit is set
     * @param pfn the frame of the host that the address is in
     */
    record Leaf(int level, boolean writable, boolean executable, boolean accessed, boolean dirty, long pfn) {}

    /** A fault that is being held; closing lets it go on. */
    interface Pause extends AutoCloseable {
        /** Waits until a fault has come to the place. */
        void await();

        @Override
        void close();
    }
}
