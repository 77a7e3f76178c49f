package io.guestmem.kvm;

import io.guestmem.abi.GuestRange;

/** A guest that the contract makes touch memory. Every method is one {@link Vcpu#run}, unless it says otherwise. */
interface Guest {
    /** The port that it writes to when it has done what it was told. */
    int DONE_PORT = 0x10;

    /** Its CPU. */
    Vcpu vcpu();

    /** The memory that it needs for itself, in a memslot of its own, all of it written before. */
    GuestRange ownMemory();

    /** Writes 8 bytes at the start of {@code count} consecutive pages: the number of pages that are left. */
    Exit write(long gpa, long count);

    /** Reads 8 bytes at the start of {@code count} consecutive pages; {@link #sum} is their sum afterwards. */
    Exit read(long gpa, long count);

    /** What {@link #read} added up. */
    long sum();

    /** Goes on where it stopped. */
    Exit goOn();

    /** Increments the 8 bytes at an address for ever; may be called by another thread than the one that made the guest. */
    Exit count(long gpa);

    /** Raises an exception that nobody handles. */
    Exit fail();

    /** Halts. */
    Exit halt();

    /** Whether an exit says that it has done what it was told. */
    static boolean isDone(Exit exit) {
        return exit instanceof Exit.Io io && io.isOutput() && io.port() == DONE_PORT;
    }
}
