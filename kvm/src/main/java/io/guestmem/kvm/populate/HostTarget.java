package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory of this process: written by system call, so that a page that cannot be written is an errno and not the end of the JVM.
 *
 * @param memory stays owned by the caller
 * @param base where the range begins in it, in bytes
 */
record HostTarget(HostMemory memory, long base) implements PopulationTarget {
    private static final MemorySegment ZEROES = Arena.global().allocate(64 << 10, GuestPhysical.PAGE_SIZE);

    @Override
    public String call() {
        return "write to host memory";
    }

    @Override
    public long write(long offset, MemorySegment content) {
        long result = memory.store(base + offset, content);
        return result == 0 ? content.byteSize() : writePages(offset, content, result);
    }

    /** The pages before the one that cannot be written. */
    private long writePages(long offset, MemorySegment content, long error) {
        long done = 0;
        while (done < content.byteSize()
                && memory.store(base + offset + done, content.asSlice(done, GuestPhysical.PAGE_SIZE)) == 0) {
            done += GuestPhysical.PAGE_SIZE;
        }
        return done == 0 ? error : done;
    }

    @Override
    public long zero(long offset, long length) {
        return write(offset, ZEROES.asSlice(0, Math.min(length, ZEROES.byteSize())));
    }

    @Override
    public long touch(long offset, long length, Access access) {
        HostAdvice advice = access == Access.WRITE ? HostAdvice.POPULATE_WRITE : HostAdvice.POPULATE_READ;
        return memory.advise(advice, base + offset, length);
    }

    @Override
    public long prefer(PageSize size, long offset, long length) {
        return switch (size) {
            case ANY -> 0;
            case SMALL -> memory.advise(HostAdvice.NO_HUGE_PAGE, base + offset, length);
            case TWO_MIB -> memory.advise(HostAdvice.HUGE_PAGE, base + offset, length);
            case ONE_GIB -> -ErrorNumber.EINVAL.number();
        };
    }
}
