package io.guestmem.diff;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import java.lang.foreign.MemorySegment;

/** How a sequence touches memory of the process: only the pages that it means, and an errno where a program would be killed. */
final class ProcessPages {
    /** {@code ENOSYS}: a small kernel has no {@code process_vm_readv(2)}. */
    private static final long NO_SUCH_CALL = -38;

    private static final long PAGE = 4096;

    private ProcessPages() {}

    static long load(HostMemory memory, long offset, MemorySegment into) {
        long result = memory.load(offset, into);
        if (result == NO_SUCH_CALL) {
            result = populate(memory, HostAdvice.POPULATE_READ, offset, into.byteSize());
            if (result == 0) {
                into.copyFrom(memory.segment().asSlice(offset, into.byteSize()));
            }
        }
        return result;
    }

    static long store(HostMemory memory, long offset, MemorySegment from) {
        long result = memory.store(offset, from);
        if (result == NO_SUCH_CALL) {
            result = populate(memory, HostAdvice.POPULATE_WRITE, offset, from.byteSize());
            if (result == 0) {
                memory.segment().asSlice(offset, from.byteSize()).copyFrom(from);
            }
        }
        return result;
    }

    /** Whatever refuses it, a touch is refused with EFAULT. */
    private static long populate(HostMemory memory, HostAdvice advice, long offset, long length) {
        long from = offset & -PAGE;
        long to = (offset + length + PAGE - 1) & -PAGE;
        return memory.advise(advice, from, to - from) == 0 ? 0 : -ErrorNumber.EFAULT.number();
    }
}
