package io.guestmem.conform;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import java.util.concurrent.TimeUnit;

/**
 * Host memory in huge pages of the host, aligned to 2 MiB.
 *
 * @param memory around it
 * @param offset of the first huge page in there
 * @param size a multiple of 2 MiB
 */
record HugeBlock(HostMemory memory, long offset, long size) {
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** One huge page, or a skip. */
    static HugeBlock of(Trial t) {
        return of(t, 1);
    }

    /** Huge pages, or a skip: the host must have them to give. */
    static HugeBlock of(Trial t, int pages) {
        HugeBlock block = small(t, pages);
        block.requireHuge();
        return block;
    }

    /** The same memory, populated in pages of 4 KiB. */
    static HugeBlock small(Trial t, int pages) {
        long size = pages * Numbers.HUGE;
        HostMemory memory = t.memory(size + Numbers.HUGE);
        HugeBlock block = new HugeBlock(memory, -memory.hva() & Numbers.HUGE - 1, size);
        // A kernel without transparent huge pages refuses the advice.
        memory.advise(HostAdvice.NO_HUGE_PAGE, 0, memory.length());
        t.must("populate", memory.advise(HostAdvice.POPULATE_WRITE, block.offset, size));
        return block;
    }

    /** Makes it huge, or skips. Pages that somebody else holds for the moment are EAGAIN. */
    void requireHuge() {
        memory.advise(HostAdvice.HUGE_PAGE, 0, memory.length());
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        long collapsed;
        do {
            collapsed = memory.advise(HostAdvice.COLLAPSE, offset, size);
        } while (collapsed == -ErrorNumber.EAGAIN.number() && System.nanoTime() < deadline);
        Trial.require(
                collapsed == 0, "the host has no transparent huge page: MADV_COLLAPSE " + Trial.answer(collapsed));
    }

    long hva() {
        return memory.hva() + offset;
    }
}
