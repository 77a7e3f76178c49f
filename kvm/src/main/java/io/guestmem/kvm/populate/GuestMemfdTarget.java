package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KernelException;
import io.guestmem.kvm.GuestMemfd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A guest_memfd, filled by what the kernel has for it: a mapping, {@code pwrite(2)}, holes for zeroes.
 *
 * @param file stays owned by the caller
 * @param base where the range begins in it, in bytes
 * @param once whether a page that was populated is refused with EEXIST: as KVM_GUEST_MEMFD_POPULATE does for private pages, and as
 *     nobody does for shared ones
 */
record GuestMemfdTarget(GuestMemfd file, long base, boolean once) implements PopulationTarget {
    private static final MemorySegment ZEROES = Arena.global().allocate(64 << 10, Long.BYTES);

    @Override
    public String call() {
        return "write to guest_memfd";
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return once ? file.populate(base + offset, content) : file.write(base + offset, content);
    }

    @Override
    public long zero(long offset, long length) {
        return once
                ? file.populateZeroes(base + offset, length)
                : file.write(base + offset, ZEROES.asSlice(0, Math.min(length, ZEROES.byteSize())));
    }

    /** Allocates the pages; they are writable whatever the access, and zeroed by the guest's first touch. */
    @Override
    public long touch(long offset, long length, Access access) {
        try {
            file.allocate(base + offset, length);
            return 0;
        } catch (KernelException refused) {
            return -refused.errno();
        }
    }

    /** Source of the size: Linux 7.2 {@code guest_memfd.c} allocates single pages. */
    @Override
    public long prefer(PageSize size, long offset, long length) {
        return switch (size) {
            case ANY, SMALL -> 0;
            case TWO_MIB, ONE_GIB -> -ErrorNumber.EINVAL.number();
        };
    }
}
