package io.guestmem.conform;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.VmType;
import java.util.List;

/** A look inside a kernel that is a model. Every method names a file of that kernel. Thread-safe. */
public interface ModelInspection {
    /** Whether the code of {@code KVM_PRE_FAULT_MEMORY} means the third proposal of {@code KVM_MAP_MEMORY} here. */
    boolean isThirdProposal();

    /** Whether proposals whose code and documentation contradict each other do as documented. */
    boolean areProposalsAsDocumented();

    /** A new model that is the same but for its processor, which has VMs of a type. The caller owns it. */
    ConformanceKernel onProcessorWith(VmType type);

    /** What the launch of a confidential guest has measured so far, in hexadecimal. */
    String launchDigest(KvmFile vm);

    /** The generation of the memslots of an address space, without the bit that says that an update is under way. */
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
     * The leaf of the stage-2 tables that a vCPU of the VM uses for a guest-physical address.
     *
     * @param vcpu its id
     */
    Leaf leaf(KvmFile vm, int vcpu, long gpa);

    /** Present leaves of a level, in all roots. */
    long leaves(KvmFile vm, int level);

    /** Tables of all roots, the roots themselves included. */
    long tables(KvmFile vm);

    /** The roots, the oldest first. */
    List<Root> roots(KvmFile vm);

    /** Leaves that were replaced by a leaf of another frame since the VM was made; the kernel calls that a bug. */
    long changedFrames(KvmFile vm);

    /** Stops the next thread of a VM that comes to a place there. */
    Pause pauseNext(KvmFile vm, Place place);

    /** Begins an invalidation of host memory, as an mmu notifier does, and leaves it open. */
    Hold openInvalidation(KvmFile vm, long hva, long length);

    /**
     * Freezes the last entry of the walk for a guest-physical address, whose table must be there.
     *
     * @param vcpu whose tables
     */
    Hold freeze(KvmFile vm, int vcpu, long gpa);

    /**
     * Runs something once, when a walk of the guest's page tables is about to set accessed bits and has read every entry.
     */
    void beforeNextUpdateOfGuestTables(KvmFile vm, Runnable change);

    /** Where a thread can be stopped. */
    enum Place {
        /**
         * A deletion has replaced the memslot by an invalid copy, and nobody sees the old one any more; entries and roots are
         * still as they were.
         */
        SLOT_INVALID,
        /** Of a fault: between the look-up of the host's page and taking the MMU lock. */
        PAGE_LOOKED_UP,
        /** Of a fault: right before the compare-and-exchange that installs the leaf. */
        BEFORE_EXCHANGE
    }

    /**
     * An entry of the stage-2 tables. The rights of an entry that tracks accesses are those that it gets back at the first one.
     *
     * @param level 1, 2 or 3; 0 if there is no leaf
     * @param writable the guest may write
     * @param executable the guest may fetch
     * @param accessed the accessed bit is set
     * @param dirty the dirty bit is set
     * @param frame whether the frame is the shared page of zeroes
     */
    record Leaf(int level, boolean writable, boolean executable, boolean accessed, boolean dirty, Frame frame) {
        /** The same without the bit that pre-faults leave clear. */
        Leaf forgettingAccess() {
            return new Leaf(level, writable, executable, false, dirty, frame);
        }
    }

    /** What a leaf maps. */
    enum Frame {
        /** Nothing. */
        NONE,
        /** The shared page of zeroes, or the huge one. */
        ZERO,
        /** A page of its own. */
        OWN
    }

    /**
     * The top of a tree of stage-2 tables.
     *
     * @param valid false once it was invalidated
     * @param holders vCPUs that use it
     */
    record Root(boolean valid, int holders) {}

    /** A state that is held open; closing ends it, and may be repeated. */
    interface Hold extends AutoCloseable {
        /** Ends it before its block does. */
        default void release() {
            close();
        }

        @Override
        void close();
    }

    /** A thread that is being held; closing lets it go on. */
    interface Pause extends Hold {
        /** Waits until a thread has come to the place. */
        void await();
    }
}
