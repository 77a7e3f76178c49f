package io.guestmem.linux;

/** What a userfaultfd reports. Addresses are those of the guarded address space, lengths are bytes. */
public sealed interface UserfaultfdEvent {
    /**
     * A thread touched a page and waits.
     *
     * @param address rounded down to the page size of the mapping unless {@link UserfaultfdFeature#EXACT_ADDRESS} was agreed
     * @param flags see {@link #isWrite}, {@link #isWriteProtect}, {@link #isMinor}
     * @param threadId the thread that waits, 0 unless {@link UserfaultfdFeature#THREAD_ID} was agreed
     */
    record PageFault(long address, long flags, int threadId) implements UserfaultfdEvent {
        /** {@code UFFD_PAGEFAULT_FLAG_WRITE}. */
        public static final long WRITE = 1;
        /** {@code UFFD_PAGEFAULT_FLAG_WP}. */
        public static final long WRITE_PROTECT = 2;
        /** {@code UFFD_PAGEFAULT_FLAG_MINOR}. */
        public static final long MINOR = 4;

        /** Whether it was a write. */
        public boolean isWrite() {
            return (flags & WRITE) != 0;
        }

        /** Whether the page is there and write-protected. */
        public boolean isWriteProtect() {
            return (flags & WRITE_PROTECT) != 0;
        }

        /** Whether the page is in the page cache. */
        public boolean isMinor() {
            return (flags & MINOR) != 0;
        }
    }

    /**
     * The process forked.
     *
     * @param child guards the same ranges in the child's address space; it belongs to whoever took the event. Closing the last
     *     copy of it lets the child's missing pages read as zeroes
     */
    record Fork(Userfaultfd child) implements UserfaultfdEvent {}

    /**
     * {@code mremap(2)} moved a range.
     *
     * @param from where it was
     * @param to where it is
     * @param length in bytes
     */
    record Remap(long from, long to, long length) implements UserfaultfdEvent {}

    /**
     * {@code MADV_DONTNEED} or {@code MADV_REMOVE}: the content is about to go, and the thread waited for this event to be
     * read.
     *
     * @param start the first byte
     * @param end behind the last byte
     */
    record Remove(long start, long end) implements UserfaultfdEvent {}

    /**
     * A range was unmapped.
     *
     * @param start the first byte
     * @param end behind the last byte
     */
    record Unmap(long start, long end) implements UserfaultfdEvent {}

    /**
     * An event that this release does not know.
     *
     * @param number the kernel's number of the event
     */
    record Unknown(int number) implements UserfaultfdEvent {}
}
