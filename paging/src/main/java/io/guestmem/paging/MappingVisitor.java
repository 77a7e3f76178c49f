package io.guestmem.paging;

/** Is told of every run of an address space, ascending; see {@link Mapping}, which this is without an allocation. */
@FunctionalInterface
public interface MappingVisitor {
    /** In {@code flags} of a second stage: all levels grant reading. Elsewhere what is mapped can be read. */
    int READABLE = 1;
    /** In {@code flags}: all levels grant writing. */
    int WRITABLE = 1 << 1;
    /** In {@code flags}: all levels grant user mode. */
    int USER = 1 << 2;
    /** In {@code flags}: no level forbids execution. */
    int EXECUTABLE = 1 << 3;
    /** In {@code flags} of a second stage: user mode may execute it, and {@link #EXECUTABLE} is about the supervisor. */
    int USER_EXECUTABLE = 1 << 4;
    /** In {@code flags}: the leaves are marked as used. */
    int ACCESSED = 1 << 5;
    /** In {@code flags}: the leaves are marked as written. */
    int DIRTY = 1 << 6;

    /**
     * One run.
     *
     * @param linear its first address
     * @param physical what that translates to
     * @param size in bytes
     * @param pageSize of its pages, in bytes
     * @param flags the bits above
     */
    void run(long linear, long physical, long size, long pageSize, int flags);
}
