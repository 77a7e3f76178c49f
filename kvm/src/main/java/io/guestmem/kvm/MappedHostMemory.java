package io.guestmem.kvm;

import io.guestmem.abi.HostMemory;
import io.guestmem.linux.Mapping;
import java.lang.foreign.MemorySegment;

/**
 * A mapping of this process as memory for memslots.
 *
 * @param mapping owned: closed with this object
 */
public record MappedHostMemory(Mapping mapping) implements HostMemory {
    @Override
    public long hva() {
        return mapping.address();
    }

    @Override
    public long length() {
        return mapping.length();
    }

    @Override
    public MemorySegment segment() {
        return mapping.segment();
    }

    @Override
    public void close() {
        mapping.close();
    }
}
