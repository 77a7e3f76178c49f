package io.guestmem.pager;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Memfd;
import io.guestmem.linux.OpenMode;
import io.guestmem.linux.Protection;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UserfaultfdEvents;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the server knows of each page of one guest, in a shared file: it outlives the server.
 *
 * <pre>{@code
 *    0     magic and version
 *    8     pages
 *   64     64 messages of 32 bytes: what was last read of the userfaultfd
 * 4096     2 bits for each page, 32 pages in a long, page 0 lowest
 *
 *   0 NONE      never installed: its content is the snapshot's
 *   1 PRESENT   installed; if it is missing all the same, it was removed meanwhile
 *   2 REMOVED   the guest gave it back: its content is zero
 * }</pre>
 *
 * <p>The kernel knows better: {@code EEXIST} says that a page is present whatever stands here. The messages stand in the
 * file because the kernel tells of a removal once: a server that is killed after it has read the message and before
 * it has marked the pages leaves the message to its successor.
 *
 * <p>Thread-safe.
 */
final class PageStates implements AutoCloseable {
    static final int NONE = 0;
    static final int PRESENT = 1;
    static final int REMOVED = 2;

    private static final long MAGIC = 0x0100_5347_5047_4d47L; // "GMGPGS", version 1
    private static final long HEAD = MappedMemory.PAGE_SIZE;
    private static final long PAGES = 8;
    private static final long MESSAGES = 64;
    private static final int PAGES_A_LONG = 32;
    private static final long EVERY_PAGE = 0x5555_5555_5555_5555L;
    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

    private final Mapping mapping;
    private final MemorySegment memory;
    private final long pages;

    private PageStates(Mapping mapping, long pages) {
        this.mapping = mapping;
        this.memory = mapping.segment();
        this.pages = pages;
    }

    /** All NONE, in memory of this process only. */
    static PageStates anonymous(long pages) {
        try (FileDescriptor file = Memfd.create("guestmem-pages", length(pages))) {
            return create(file, pages);
        }
    }

    /**
     * All NONE, in a new file.
     *
     * @throws LinuxException {@code ENOSPC} if the disk is full
     */
    static PageStates create(Path path, long pages) {
        try {
            Files.createFile(path);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot make " + path, failed);
        }
        try (FileDescriptor file = FileDescriptor.open(path, OpenMode.READ_WRITE)) {
            return create(file, pages);
        }
    }

    private static PageStates create(FileDescriptor file, long pages) {
        LinuxException.check(file.allocate(0, 0, length(pages)), "fallocate", file, length(pages));
        PageStates states = new PageStates(map(file, length(pages)), pages);
        states.memory.set(ValueLayout.JAVA_LONG, PAGES, pages);
        states.memory.set(ValueLayout.JAVA_LONG, 0, MAGIC);
        return states;
    }

    /**
     * Those that an earlier server has left.
     *
     * @throws IllegalArgumentException if the file is not of this version, or not of so many pages
     */
    static PageStates reopen(Path path, long pages) {
        try (FileDescriptor file = FileDescriptor.open(path, OpenMode.READ_WRITE)) {
            if (file.status().size() != length(pages)) {
                throw new IllegalArgumentException(path + ": not the state of " + pages + " pages");
            }
            PageStates states = new PageStates(map(file, length(pages)), pages);
            if (states.memory.get(ValueLayout.JAVA_LONG, 0) != MAGIC
                    || states.memory.get(ValueLayout.JAVA_LONG, PAGES) != pages) {
                states.close();
                throw new IllegalArgumentException(path + ": not the state of " + pages + " pages, or another version");
            }
            return states;
        }
    }

    private static Mapping map(FileDescriptor file, long length) {
        return Mapping.of(file, 0, length, Protection.READ_WRITE, Sharing.SHARED);
    }

    private static long length(long pages) {
        long bits = Math.ceilDiv(pages, PAGES_A_LONG) * Long.BYTES;
        return HEAD + Math.ceilDiv(bits, MappedMemory.PAGE_SIZE) * MappedMemory.PAGE_SIZE;
    }

    /** Where the messages of the userfaultfd go. */
    MemorySegment messages() {
        return memory.asSlice(MESSAGES, UserfaultfdEvents.BYTES);
    }

    long pages() {
        return pages;
    }

    int get(long page) {
        return (int) ((long) WORD.getVolatile(memory, offset(page)) >>> shift(page)) & 3;
    }

    void set(long page, int state) {
        setSome(offset(page), 3L << shift(page), (long) state << shift(page));
    }

    /** Sets all of {@code [from, to)}. */
    void set(long from, long to, int state) {
        change(from, to, 3, state);
    }

    /** Clears some bits of all of {@code [from, to)} and sets others, those of a page at once. */
    void change(long from, long to, int clear, int set) {
        long cleared = clear * EVERY_PAGE;
        long pattern = set * EVERY_PAGE;
        for (long page = from; page < to; ) {
            long next = Math.min(to, (page / PAGES_A_LONG + 1) * PAGES_A_LONG);
            int bits = (int) (next - page) * 2;
            long mask = (bits == Long.SIZE ? -1L : (1L << bits) - 1) << shift(page);
            setSome(offset(page), mask & (cleared | pattern), pattern & mask);
            page = next;
        }
    }

    private void setSome(long offset, long mask, long value) {
        long before;
        do {
            before = (long) WORD.getVolatile(memory, offset);
        } while (!WORD.compareAndSet(memory, offset, before, (before & ~mask) | value));
    }

    /** The first page from {@code page} on, and before {@code end}, that is in a state; {@code end} if none is. */
    long next(long page, long end, int state) {
        long at = page;
        while (at < end && get(at) != state) {
            at++;
        }
        return at;
    }

    /** The first page from {@code page} on, and before {@code end}, that is not in a state; {@code end} if all are. */
    long nextOther(long page, long end, int state) {
        long at = page;
        while (at < end && get(at) == state) {
            at++;
        }
        return at;
    }

    /** The first page from {@code page} on, and before {@code end}, that has one of some bits; {@code end} if none has. */
    long nextWith(long page, long end, int some) {
        long wanted = some * EVERY_PAGE;
        long at = page;
        while (at < end) {
            long word = (long) WORD.getVolatile(memory, offset(at)) & wanted & (-1L << shift(at));
            long first = at - at % PAGES_A_LONG;
            if (word != 0) {
                return Math.min(end, first + Long.numberOfTrailingZeros(word) / 2);
            }
            at = first + PAGES_A_LONG;
        }
        return end;
    }

    /** Clears one bit of all pages that have it, and sets the other one of those. */
    void replaceAll(int bit, int other) {
        for (long page = nextWith(0, pages, bit); page < pages; page = nextWith(page, pages, bit)) {
            long word = (long) WORD.getVolatile(memory, offset(page)) & (bit * EVERY_PAGE);
            long others = bit < other ? word << 1 : word >>> 1;
            setSome(offset(page), word | others, others);
        }
    }

    /** How many pages are not NONE. */
    long countOthers() {
        long count = 0;
        for (long page = 0; page < pages; page += PAGES_A_LONG) {
            long word = (long) WORD.getVolatile(memory, offset(page));
            count += Long.bitCount((word | (word >>> 1)) & EVERY_PAGE);
        }
        return count;
    }

    private long offset(long page) {
        if (page < 0 || page >= pages) {
            throw new IndexOutOfBoundsException(page + " of " + pages);
        }
        return HEAD + page / PAGES_A_LONG * Long.BYTES;
    }

    private static int shift(long page) {
        return (int) (page % PAGES_A_LONG) * 2;
    }

    @Override
    public void close() {
        mapping.close();
    }
}
