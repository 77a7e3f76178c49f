package io.guestmem.linux;

/**
 * A range of this process's address space that {@code mmap(2)} made and that is unmapped on close.
 *
 * <p>Two kinds: a {@link Mapping} that Java code may read and write, and a {@link GuardedMapping} that it must not touch.
 *
 * <p>Thread-safe. Ranges are in bytes from the start of the mapping and must lie inside it.
 */
public sealed interface MappedMemory extends AutoCloseable permits Mapping, GuardedMapping {
    /** The page size of x86-64 in bytes: 4096. */
    long PAGE_SIZE = 4096;

    /** The address of the first byte; a multiple of the page size. */
    long address();

    /** The length in bytes; a multiple of the page size. */
    long length();

    /**
     * {@code madvise(2)} on a part of the mapping, repeated while a signal interrupts it.
     *
     * @param offset multiple of the page size
     * @param length in bytes
     * @throws IllegalArgumentException if the range is not inside the mapping
     * @throws IllegalStateException if the mapping is closed
     */
    AdviceResult advise(Advice advice, long offset, long length);

    /** {@link #advise(Advice, long, long)} on the whole mapping. */
    default AdviceResult advise(Advice advice) {
        return advise(advice, 0, length());
    }

    /**
     * {@code mincore(2)}: how many pages of a part of the mapping are in memory, for file mappings in the page cache. Faults
     * nothing in.
     *
     * @param offset multiple of the page size
     * @param length in bytes
     * @throws IllegalArgumentException if the range is not inside the mapping
     * @throws IllegalStateException if the mapping is closed
     */
    long residentPages(long offset, long length);

    /** Unmaps the range when the last call in flight on it has returned. Closing twice is allowed. */
    @Override
    void close();
}
