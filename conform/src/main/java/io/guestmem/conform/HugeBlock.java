package io.guestmem.conform;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;

/**
 * 2 MiB of host memory that is one huge page of the host.
 *
 * @param memory around it
 * @param offset of it in there
 */
record HugeBlock(HostMemory memory, long offset) {
    /** A huge page, or a skip: the host must have one to give. */
    static HugeBlock of(Trial t) {
        HugeBlock block = small(t);
        long collapsed = block.collapse();
        Trial.require(collapsed == 0, "the host has no transparent huge page: MADV_COLLAPSE " + Trial.answer(collapsed));
        return block;
    }

    /** The same memory, populated in pages of 4 KiB. */
    static HugeBlock small(Trial t) {
        HostMemory memory = t.memory(2 * Numbers.HUGE);
        HugeBlock block = new HugeBlock(memory, -memory.hva() & Numbers.HUGE - 1);
        // Not every kernel has the advice; one without transparent huge pages refuses it.
        memory.advise(HostAdvice.NO_HUGE_PAGE, 0, memory.length());
        t.must("populate", memory.advise(HostAdvice.POPULATE_WRITE, block.offset, Numbers.HUGE));
        return block;
    }

    /** Makes it one huge page: 0, or a negated errno. */
    long collapse() {
        memory.advise(HostAdvice.HUGE_PAGE, 0, memory.length());
        return memory.advise(HostAdvice.COLLAPSE, offset, Numbers.HUGE);
    }

    long hva() {
        return memory.hva() + offset;
    }
}
