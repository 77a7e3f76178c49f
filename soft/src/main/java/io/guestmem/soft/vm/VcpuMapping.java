package io.guestmem.soft.vm;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/** A part of a vCPU's file that is mapped. It is no memory of a simulated process: no memslot can use it. */
final class VcpuMapping implements HostMemory {
    private final VcpuFile file;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final AtomicBoolean closed = new AtomicBoolean();

    /** A mapping of pages that live as long as the file, of which the caller has taken a reference. */
    @SuppressWarnings("restricted") // the same memory, as long as it is mapped
    VcpuMapping(VcpuFile file, MemorySegment pages) {
        this.file = file;
        this.segment = MemorySegment.ofAddress(pages.address()).reinterpret(pages.byteSize(), arena, null);
    }

    @Override
    public long hva() {
        return segment.address();
    }

    @Override
    public long length() {
        return segment.byteSize();
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public long load(long offset, MemorySegment into) {
        MemorySegment.copy(segment, offset, into, 0, into.byteSize());
        return 0;
    }

    @Override
    public long store(long offset, MemorySegment from) {
        MemorySegment.copy(from, 0, segment, offset, from.byteSize());
        return 0;
    }

    @Override
    public long advise(HostAdvice advice, long offset, long length) {
        return Failure.EINVAL;
    }

    @Override
    public long protect(HostProtection protection, long offset, long length) {
        return Failure.EINVAL;
    }

    @Override
    public long unmap(long offset, long length) {
        return Failure.EINVAL;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            arena.close();
            file.put();
        }
    }
}
