package io.guestmem.abi;

import java.lang.foreign.MemorySegment;

/**
 * Memory of the process that VMs belong to, by its host-virtual address: what memslots are backed with.
 *
 * <p>The operations answer as the system calls do: 0 is done, {@code [-4095, -1]} is a negated errno. Offsets are in bytes from
 * the start of this memory; a range that is not inside it is an {@link IndexOutOfBoundsException}.
 *
 * <p>Thread-safe; after {@link #close} the segment refuses access and no memslot may use the range any more.
 */
public interface HostMemory extends AutoCloseable {
    /** The host-virtual address (hva) of the first byte; a multiple of 4096. */
    long hva();

    /** The length in bytes; a multiple of 4096. */
    long length();

    /**
     * The memory, to be read and written by Java code. The software kernel cannot see such accesses: once asked for, it holds
     * every page to be written. Where it matters which pages are touched, use {@link #load} and {@link #store}.
     */
    MemorySegment segment();

    /**
     * Reads, as the process would: touches exactly the pages of the range.
     *
     * @param into native memory; its size is the length
     * @return 0, or {@code -EFAULT} if a page cannot be read: {@code into} may have been written in part
     */
    long load(long offset, MemorySegment into);

    /**
     * Writes, as the process would: touches exactly the pages of the range.
     *
     * @param from native memory; its size is the length
     * @return 0, or {@code -EFAULT} if a page cannot be written: pages before it have been
     */
    long store(long offset, MemorySegment from);

    /**
     * {@code madvise(2)}, repeated while a signal interrupts it.
     *
     * @param offset a multiple of 4096
     * @param length in bytes
     * @return 0, {@code -EINVAL} for advice that this kernel or memory does not know, {@code -EFAULT}, {@code -EHWPOISON},
     *     {@code -ENOMEM}, {@code -EAGAIN} or {@code -EBUSY}
     */
    long advise(HostAdvice advice, long offset, long length);

    /**
     * {@code mprotect(2)}. Java code must not touch through {@link #segment} what it protected.
     *
     * @param offset a multiple of 4096
     * @param length in bytes
     */
    long protect(HostProtection protection, long offset, long length);

    /**
     * {@code munmap(2)} of a part, for good. Java code must not touch it through {@link #segment} any more: that ends the JVM.
     *
     * @param offset a multiple of 4096
     * @param length in bytes, a positive multiple of 4096
     */
    long unmap(long offset, long length);

    /** Unmaps the memory. Closing twice is allowed. */
    @Override
    void close();
}
