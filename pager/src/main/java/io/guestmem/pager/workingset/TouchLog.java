package io.guestmem.pager.workingset;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Memfd;
import io.guestmem.linux.OpenMode;
import io.guestmem.linux.Protection;
import io.guestmem.linux.Sharing;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What a {@link Recorder} knows, in a file that only grows and outlives the process.
 *
 * <pre>{@code
 *    0     magic and version
 *    8     pages
 *   16     when it began, in System.nanoTime, which Linux counts for all processes alike
 *   24     entries
 *   32     a recording ends when for so many nanoseconds nothing new was touched; 0 for never
 *   40     and so many after it began; 0 for never
 *   48     1 if it has ended
 *   56     bytes of the name of the file that it is for
 *   64     the name, in UTF-8
 * 4096     marks, a bit for each page: it was demanded, or is not the snapshot's any more
 *          entries of 16 bytes: page, highest bit set if it was written | nanoseconds since the start
 * }</pre>
 *
 * <p>An entry is counted when it is whole, and marked when it is counted: what dies in between leaves an entry that does not count,
 * or one whose mark is made up for by {@link #reopen}.
 *
 * <p>One thread writes entries and marks.
 */
final class TouchLog implements AutoCloseable {
    private static final long MAGIC = 0x0100_4843_5447_4d47L; // "GMGTCH", version 1
    private static final long PAGES = 8;
    private static final long BEGAN = 16;
    private static final long COUNT = 24;
    private static final long SETTLE = 32;
    private static final long LIMIT = 40;
    private static final long ENDED = 48;
    private static final long NAME_LENGTH = 56;
    private static final long NAME = 64;
    private static final long MARKS = MappedMemory.PAGE_SIZE;
    private static final long ENTRY = 2 * Long.BYTES;
    private static final long WRITTEN = Long.MIN_VALUE;

    /** The file grows by so much, so that memory is taken as it is needed, and a full disk is an errno and no SIGBUS. */
    private static final long GROWTH = 1 << 20;

    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

    private final FileDescriptor file;
    private final Mapping mapping;
    private final MemorySegment memory;
    private final long entries;

    /** Up to where the file has space. */
    private long space;

    private TouchLog(FileDescriptor file, long pages) {
        this.file = file;
        this.entries = entries(pages);
        this.mapping = Mapping.of(file, 0, length(pages), Protection.READ_WRITE, Sharing.SHARED);
        this.memory = mapping.segment();
        this.space = entries;
    }

    private static long entries(long pages) {
        return MARKS + roundUp(Math.ceilDiv(pages, Long.SIZE) * Long.BYTES);
    }

    private static long length(long pages) {
        return entries(pages) + roundUp(pages * ENTRY);
    }

    private static long roundUp(long bytes) {
        return Math.ceilDiv(bytes, MappedMemory.PAGE_SIZE) * MappedMemory.PAGE_SIZE;
    }

    /** An empty one in memory of this process only. */
    static TouchLog anonymous(long pages, long began) {
        return create(Memfd.create("guestmem-touches", 0), pages, began, RecordingGoal.NONE);
    }

    /**
     * An empty one in a new file.
     *
     * @throws IOException if there is a file
     * @throws LinuxException {@code ENOSPC} if the disk is full
     */
    static TouchLog create(Path path, long pages, long began, RecordingGoal goal) throws IOException {
        Files.createFile(path);
        return create(FileDescriptor.open(path, OpenMode.READ_WRITE), pages, began, goal);
    }

    private static TouchLog create(FileDescriptor file, long pages, long began, RecordingGoal goal) {
        try {
            LinuxException.check(file.allocate(0, 0, entries(pages)), "fallocate", file, entries(pages));
            file.truncate(length(pages));
            TouchLog log = new TouchLog(file, pages);
            byte[] name = goal.file().toString().getBytes(StandardCharsets.UTF_8);
            if (name.length > MARKS - NAME) {
                log.close();
                throw new IllegalArgumentException("a path of " + name.length + " bytes");
            }
            MemorySegment.copy(name, 0, log.memory, ValueLayout.JAVA_BYTE, NAME, name.length);
            log.put(NAME_LENGTH, name.length);
            log.put(PAGES, pages);
            log.put(BEGAN, began);
            log.put(SETTLE, goal.settle().toNanos());
            log.put(LIMIT, goal.limit().toNanos());
            log.put(0, MAGIC);
            return log;
        } catch (LinuxException failed) {
            file.close();
            throw failed;
        }
    }

    /**
     * One that another process has left.
     *
     * @throws IllegalArgumentException if the file is not of this version, or not of so many pages
     */
    static TouchLog reopen(Path path, long pages) {
        FileDescriptor file = FileDescriptor.open(path, OpenMode.READ_WRITE);
        if (file.status().size() != length(pages)) {
            file.close();
            throw new IllegalArgumentException(path + ": no touches of " + pages + " pages");
        }
        TouchLog log = new TouchLog(file, pages);
        if (log.at(0) != MAGIC || log.at(PAGES) != pages) {
            log.close();
            throw new IllegalArgumentException(path + ": no touches of " + pages + " pages, or another version");
        }
        log.space = Math.min(length(pages), log.entries + Math.ceilDiv(log.count() * ENTRY, GROWTH) * GROWTH);
        return log;
    }

    /** Marks the pages of all entries: whoever wrote here may have died before the last one was. */
    void markAll() {
        for (long i = 0; i < count(); i++) {
            mark(page(i));
        }
    }

    private long at(long offset) {
        return memory.get(ValueLayout.JAVA_LONG, offset);
    }

    private void put(long offset, long value) {
        memory.set(ValueLayout.JAVA_LONG, offset, value);
    }

    RecordingGoal goal() {
        byte[] name = memory.asSlice(NAME, at(NAME_LENGTH)).toArray(ValueLayout.JAVA_BYTE);
        return new RecordingGoal(
                Path.of(new String(name, StandardCharsets.UTF_8)),
                Duration.ofNanos(at(SETTLE)),
                Duration.ofNanos(at(LIMIT)));
    }

    long began() {
        return at(BEGAN);
    }

    long count() {
        return (long) WORD.getAcquire(memory, COUNT);
    }

    boolean hasEnded() {
        return (long) WORD.getAcquire(memory, ENDED) != 0;
    }

    void end() {
        WORD.setRelease(memory, ENDED, 1L);
    }

    boolean isMarked(long page) {
        return (at(MARKS + page / Long.SIZE * Long.BYTES) >>> page % Long.SIZE & 1) != 0;
    }

    void mark(long page) {
        long offset = MARKS + page / Long.SIZE * Long.BYTES;
        put(offset, at(offset) | 1L << page % Long.SIZE);
    }

    /**
     * Adds an entry.
     *
     * @return false if there is no space for it
     */
    boolean add(long page, boolean write, long nanos) {
        long number = at(COUNT);
        long offset = entries + number * ENTRY;
        if (offset >= space && !grow(offset)) {
            return false;
        }
        put(offset, write ? page | WRITTEN : page);
        put(offset + Long.BYTES, nanos);
        WORD.setRelease(memory, COUNT, number + 1);
        mark(page);
        return true;
    }

    /** Makes space at {@code offset}; who wrote here before may have come further than {@link #space}. */
    private boolean grow(long offset) {
        long from = entries + (offset - entries) / GROWTH * GROWTH;
        long length = Math.min(GROWTH, mapping.length() - from);
        if (file.allocate(0, from, length) < 0) {
            return false;
        }
        space = from + length;
        return true;
    }

    long page(long entry) {
        return at(entries + entry * ENTRY) & ~WRITTEN;
    }

    boolean isWrite(long entry) {
        return at(entries + entry * ENTRY) < 0;
    }

    /** When it was added, since the start. */
    long nanos(long entry) {
        return at(entries + entry * ENTRY + Long.BYTES);
    }

    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
