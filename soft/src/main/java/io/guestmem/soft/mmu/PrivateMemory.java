package io.guestmem.soft.mmu;

/** What a guest_memfd gives to the memslots that are bound to it. Thread-safe. */
public interface PrivateMemory {
    /**
     * The page at an index of the file, allocated and zeroed if it is not there yet.
     *
     * @return a {@link io.guestmem.soft.host.HostFault}; {@code -EFAULT} if the file was closed
     */
    long page(long index);

    /** Whether the host may map the file, so that shared accesses go there too. */
    boolean isMappable();
}
