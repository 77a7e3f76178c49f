package io.guestmem.abi;

/**
 * Native memory of this program as the kernel sees it: what a pointer inside a struct may point to ({@code dirty_bitmap},
 * {@code from}, {@code source}).
 *
 * <p>The real kernel sees all memory of the process, so the address is simply the segment's. The software kernel never touches
 * memory that was not shown to it: any other pointer is {@code EFAULT}, as a pointer to nowhere is in the real one.
 *
 * <p>Thread-safe.
 */
public interface UserMemory extends AutoCloseable {
    /** The pointer's value. */
    long address();

    /** The kernel sees it no more; it stays the program's own. Closing twice is allowed. */
    @Override
    void close();
}
