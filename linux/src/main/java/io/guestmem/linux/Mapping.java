package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Mapped memory that Java code may read and write through {@link #segment}.
 *
 * <p>Thread-safe. After {@link #close} the segment refuses every access with an {@link IllegalStateException}; it never
 * crashes. Memory that a userfaultfd shall guard is a {@link GuardedMapping} instead.
 *
 * <p>Touching a page of a file mapping that lies behind the end of the file is an {@link InternalError} (SIGBUS) in Java
 * code and {@code EFAULT} in a system call.
 */
public final class Mapping implements MappedMemory {
    private final AddressRange range;
    private final InFlight calls = new InFlight();
    private final Arena arena;
    private final MemorySegment segment;

    /** What of the range is still mapped: all of it at first. Guarded by this object. */
    private List<AddressRange> mapped;

    @SuppressWarnings("restricted") // the length is the one that mmap has just mapped, the arena unmaps it
    private Mapping(AddressRange range) {
        this.range = range;
        this.mapped = List.of(range);
        this.arena = Arena.ofShared();
        this.segment = MemorySegment.ofAddress(range.address()).reinterpret(range.length(), arena, _ -> closed());
    }

    /**
     * Maps zeroed memory, readable and writable, without reserving swap.
     *
     * @param length in bytes, a positive multiple of the page size
     * @throws LinuxException with the errno of {@code mmap(2)}
     */
    public static Mapping anonymous(long length, Sharing sharing) {
        return new Mapping(AddressRange.anonymous(length, Protection.READ_WRITE, sharing));
    }

    /**
     * Maps a part of a file.
     *
     * @param offset in the file, a multiple of the page size
     * @param length in bytes, a positive multiple of the page size; may reach behind the end of the file
     * @throws LinuxException with the errno of {@code mmap(2)}
     */
    public static Mapping of(FileDescriptor file, long offset, long length, Protection protection, Sharing sharing) {
        return new Mapping(AddressRange.file(file, offset, length, protection, sharing));
    }

    /**
     * Puts a part of a file over a part of this mapping ({@code MAP_FIXED}).
     *
     * @param at where in this mapping, a multiple of the page size
     * @param offset in the file, a multiple of the page size
     * @param length in bytes, a positive multiple of the page size
     * @throws LinuxException with the errno of {@code mmap(2)}
     */
    public void replace(
            long at, FileDescriptor file, long offset, long length, Protection protection, Sharing sharing) {
        calls.begin(range);
        try {
            range.replace(at, file, offset, length, protection, sharing);
        } finally {
            end();
        }
    }

    /**
     * {@code mprotect(2)} on a part of the mapping. Java code that touches what is protected gets an {@link InternalError}
     * at best: for tests and for memory that only the kernel uses.
     */
    public void protect(long offset, long length, Protection protection) {
        calls.begin(range);
        try {
            range.protect(offset, length, protection);
        } finally {
            end();
        }
    }

    /**
     * {@code munmap(2)} on a part of the mapping, for good; the rest stays until {@link #close}. Java code that touches what is
     * unmapped ends the JVM: for tests and for memory that only the kernel uses.
     *
     * @param offset a multiple of the page size
     * @param length in bytes, a positive multiple of the page size
     * @throws LinuxException with the errno of {@code munmap(2)}
     */
    public void unmap(long offset, long length) {
        calls.begin(range);
        try {
            AddressRange hole = range.part(offset, length);
            synchronized (this) {
                hole.unmap();
                mapped = mapped.stream()
                        .flatMap(piece -> piece.without(hole).stream())
                        .toList();
            }
        } finally {
            end();
        }
    }

    /** The memory; refuses access after {@link #close}. */
    public MemorySegment segment() {
        return segment;
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
        calls.begin(range);
        try {
            return range.advise(advice, offset, length);
        } finally {
            end();
        }
    }

    @Override
    public long residentPages(long offset, long length) {
        calls.begin(range);
        try {
            return range.residentPages(offset, length);
        } finally {
            end();
        }
    }

    private void closed() {
        if (calls.close()) {
            unmapRest();
        }
    }

    private void end() {
        if (calls.end()) {
            unmapRest();
        }
    }

    private synchronized void unmapRest() {
        mapped.forEach(AddressRange::unmap);
        mapped = List.of();
    }

    @Override
    public synchronized void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    @Override
    public String toString() {
        return range.toString();
    }
}
