package io.guestmem.kvm.translate;

import io.guestmem.paging.PhysicalMemory;
import java.util.Set;
import java.util.TreeSet;

/** Memory that remembers which of its pages were written. For one thread. */
final class WrittenPages implements PhysicalMemory {
    private static final long PAGE = 4096;

    private final PhysicalMemory below;
    private final Set<Long> written = new TreeSet<>();

    WrittenPages(PhysicalMemory below) {
        this.below = below;
    }

    /** The physical addresses of the pages, ascending. */
    Set<Long> written() {
        return written;
    }

    @Override
    public Presence presence(long address) {
        return below.presence(address);
    }

    @Override
    public long read64(long address) {
        return below.read64(address);
    }

    @Override
    public int read32(long address) {
        return below.read32(address);
    }

    @Override
    public boolean compareAndSet64(long address, long expected, long replacement) {
        return note(address, below.compareAndSet64(address, expected, replacement));
    }

    @Override
    public boolean compareAndSet32(long address, int expected, int replacement) {
        return note(address, below.compareAndSet32(address, expected, replacement));
    }

    private boolean note(long address, boolean done) {
        if (done) {
            written.add(address & -PAGE);
        }
        return done;
    }
}
