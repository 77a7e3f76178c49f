package io.guestmem.linux;

/**
 * Mapped memory that a userfaultfd may guard: it has an address and no segment, so that Java code cannot touch it.
 *
 * <p>A Java thread that touches a missing page stays in the Java state, no safepoint can complete, and if the handler runs in
 * the same JVM nobody ever serves the fault. Touch such memory by system call ({@link #advise} with
 * {@link Advice#POPULATE_READ}, {@link FileDescriptor#readAt(long, long, long)}), through a second mapping of the same
 * memfd, or from a guest.
 *
 * <p>Thread-safe; the range must not be used by anybody once {@link #close} is called.
 */
public final class GuardedMapping implements MappedMemory {
    private final AddressRange range;
    private final InFlight calls = new InFlight();

    private GuardedMapping(AddressRange range) {
        this.range = range;
    }

    /**
     * Maps anonymous memory, readable and writable, without reserving swap.
     *
     * @param length in bytes, a positive multiple of the page size
     * @throws LinuxException with the errno of {@code mmap(2)}
     */
    public static GuardedMapping anonymous(long length, Sharing sharing) {
        return new GuardedMapping(AddressRange.anonymous(length, Protection.READ_WRITE, sharing));
    }

    /**
     * Maps private memory of pages of 2 MiB ({@code MAP_HUGETLB}), readable and writable, without reserving any: a page that is
     * touched when the pool is empty is a SIGBUS.
     *
     * @param length in bytes, a positive multiple of 2 MiB
     * @throws LinuxException with the errno of {@code mmap(2)}
     */
    public static GuardedMapping hugePages(long length) {
        return new GuardedMapping(AddressRange.hugetlb(length));
    }

    /**
     * Maps a part of a file, readable and writable.
     *
     * @param offset in the file, a multiple of the page size
     * @param length in bytes, a positive multiple of the page size
     * @throws LinuxException with the errno of {@code mmap(2)}
     */
    public static GuardedMapping of(FileDescriptor file, long offset, long length, Sharing sharing) {
        return new GuardedMapping(AddressRange.file(file, offset, length, Protection.READ_WRITE, sharing));
    }

    @Override
    public long address() {
        return range.address();
    }

    @Override
    public long length() {
        return range.length();
    }

    @Override
    public AdviceResult advise(Advice advice, long offset, long length) {
        begin();
        try {
            return range.advise(advice, offset, length);
        } finally {
            end();
        }
    }

    @Override
    public long residentPages(long offset, long length) {
        begin();
        try {
            return range.residentPages(offset, length);
        } finally {
            end();
        }
    }

    /** Holds the range mapped until {@link #end}. */
    void begin() {
        calls.begin(range);
    }

    /** Ends what {@link #begin} began; the last one out unmaps. */
    void end() {
        if (calls.end()) {
            range.unmap();
        }
    }

    @Override
    public void close() {
        if (calls.close()) {
            range.unmap();
        }
    }

    @Override
    public String toString() {
        return range + " (guarded)";
    }
}
