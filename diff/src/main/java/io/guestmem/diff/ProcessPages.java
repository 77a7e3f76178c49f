package io.guestmem.diff;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import java.lang.foreign.MemorySegment;

/**
 * How a sequence touches memory of the process: only the pages that it means, and an errno where a program would be killed. The
 * pages are faulted in first, for on a kernel without {@code process_vm_readv(2)} a transfer also reaches what is protected.
 */
final class ProcessPages {
    private static final long PAGE = 4096;

    private ProcessPages() {}

    static long load(HostMemory memory, long offset, MemorySegment into) {
        long result = populate(memory, HostAdvice.POPULATE_READ, offset, into.byteSize());
        return result == 0 ? memory.load(offset, into) : result;
    }

    static long store(HostMemory memory, long offset, MemorySegment from) {
        long result = populate(memory, HostAdvice.POPULATE_WRITE, offset, from.byteSize());
        return result == 0 ? memory.store(offset, from) : result;
    }

    /** Whatever refuses it, a touch is refused with EFAULT. */
    private static long populate(HostMemory memory, HostAdvice advice, long offset, long length) {
        long from = offset & -PAGE;
        long to = (offset + length + PAGE - 1) & -PAGE;
        return memory.advise(advice, from, to - from) == 0 ? 0 : -ErrorNumber.EFAULT.number();
    }
}
