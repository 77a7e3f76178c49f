package io.guestmem.pager;

import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.WriteProtectMode;

/**
 * The kernel's side of one guest's memory, as far as serving it goes: the seam that tests put a script behind.
 *
 * <p>{@link #read} and the accessors of what it read belong to one thread; the others are thread-safe. Addresses are those of
 * the VMM.
 */
interface FaultPort {
    /** Reads pending messages in place of the last ones, faults before events; returns how many, 0 if none is pending. */
    int read();

    /**
     * Takes the messages that an earlier server had read and not dealt with.
     *
     * @return how many there may be; those that are none are of kind 0
     */
    int reread();

    /** What message {@code index} is: a constant of {@link io.guestmem.linux.UserfaultfdEvents}. */
    int kind(int index);

    /** The fault address of a page fault. */
    long address(int index);

    /** The flags of a page fault: {@link io.guestmem.linux.UserfaultfdEvent.PageFault}. */
    long flags(int index);

    /** The first byte of a removed or unmapped range. */
    long start(int index);

    /** Behind the last byte of a removed or unmapped range. */
    long end(int index);

    /** The messages have been dealt with. */
    void clear();

    /** {@code UFFDIO_COPY} from an address of this process. */
    InstallResult copy(long destination, long source, long length, InstallMode mode);

    /** {@code UFFDIO_ZEROPAGE}. */
    InstallResult zeropage(long address, long length, InstallMode mode);

    /** {@code UFFDIO_POISON}. */
    InstallResult poison(long address, long length, InstallMode mode);

    /** {@code UFFDIO_WRITEPROTECT}. */
    InstallResult writeProtect(long address, long length, WriteProtectMode mode);

    /** {@code UFFDIO_WAKE}. */
    void wake(long address, long length);

    /**
     * {@code UFFDIO_UNREGISTER}; a range that is gone already is no error.
     *
     * @return false for {@code ENOMEM}: the process may have no more mappings, or is gone
     */
    boolean unregister(long address, long length);

    /**
     * Whether a page of hugetlbfs is there, by another way than the answer {@code EEXIST}: Linux gives that one also where the pool
     * is empty.
     */
    boolean isPresent(long address);

    /** How many more mappings the guest's process may be given: a quarter of what the kernel allows it. */
    long spareMappings();
}
