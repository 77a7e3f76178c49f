package io.guestmem.pager.workingset;

import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Sharing;
import io.guestmem.pager.handshake.GuestMap;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.LongPredicate;
import java.util.stream.LongStream;

/**
 * Which pages of one VM were demanded, in order, each once.
 *
 * <p>{@link #demanded} belongs to one thread, allocates nothing and never waits; the memory is reserved for all pages of the VM
 * and taken by the kernel as it is written. Everything else is thread-safe.
 *
 * <pre>{@code
 * entry n, 16 bytes:    page, highest bit set if it was written | nanoseconds since the start
 * bit n of the marks:   page n was demanded, or is not the snapshot's any more
 * }</pre>
 */
public final class Recorder implements AutoCloseable {
    private static final long ENTRY = 2 * Long.BYTES;
    private static final long WRITTEN = Long.MIN_VALUE;
    private static final long NANOS_A_MICRO = 1000;

    private final GuestMap map;
    private final long began;
    private final Mapping entryMapping;
    private final Mapping markMapping;
    private final MemorySegment entries;
    private final MemorySegment marks;

    /** Written by the event thread, after the entry. */
    private volatile long count;

    private volatile long last;
    private volatile boolean stopped;

    /**
     * Starts to record.
     *
     * @param began when, in {@link System#nanoTime}
     */
    public Recorder(GuestMap map, long began) {
        this.map = map;
        this.began = began;
        this.last = began;
        this.entryMapping = memory(map.pages() * ENTRY);
        this.markMapping = memory(Math.ceilDiv(map.pages(), Long.SIZE) * Long.BYTES);
        this.entries = entryMapping.segment();
        this.marks = markMapping.segment();
    }

    private static Mapping memory(long bytes) {
        return Mapping.anonymous(Math.ceilDiv(bytes, MappedMemory.PAGE_SIZE) * MappedMemory.PAGE_SIZE, Sharing.PRIVATE);
    }

    /**
     * Somebody waits for a page. For the event thread.
     *
     * @param page of the VM's map
     * @param now in {@link System#nanoTime}
     */
    public void demanded(long page, boolean write, long now) {
        if (stopped || !mark(page)) {
            return;
        }
        long number = count;
        entries.set(ValueLayout.JAVA_LONG, number * ENTRY, write ? page | WRITTEN : page);
        entries.set(ValueLayout.JAVA_LONG, number * ENTRY + Long.BYTES, Math.max(0, now - began));
        last = now;
        count = number + 1;
    }

    /** A page is no longer the snapshot's: if nobody has touched it until now, it is not recorded. For the event thread. */
    public void forget(long page) {
        if (!stopped) {
            mark(page);
        }
    }

    /** Whether it was not marked before. */
    private boolean mark(long page) {
        long at = page / Long.SIZE * Long.BYTES;
        long word = marks.get(ValueLayout.JAVA_LONG, at);
        long bit = 1L << page % Long.SIZE;
        if ((word & bit) != 0) {
            return false;
        }
        marks.set(ValueLayout.JAVA_LONG, at, word | bit);
        return true;
    }

    /** How many pages were demanded until now. */
    public long count() {
        return count;
    }

    /** When the last page was demanded, in {@link System#nanoTime}; the start if none was. */
    public long last() {
        return last;
    }

    /** Ends the recording: what is demanded from now on is not in it. */
    public void stop() {
        stopped = true;
    }

    /** Whether {@link #stop} was called. */
    public boolean isStopped() {
        return stopped;
    }

    /**
     * What was recorded.
     *
     * @param ahead which pages of the VM's map were installed before anybody could demand them
     */
    public WorkingSet set(SnapshotIdentity snapshot, LongPredicate ahead) {
        MemoryRegions memory = MemoryRegions.of(map);
        RunList runs = new RunList(memory);
        long recorded = count;
        long micros = 0;
        for (long i = 0; i < recorded; i++) {
            long page = entries.get(ValueLayout.JAVA_LONG, i * ENTRY);
            micros = entries.get(ValueLayout.JAVA_LONG, i * ENTRY + Long.BYTES) / NANOS_A_MICRO;
            Touch touch = page < 0 ? Touch.WRITE : Touch.READ;
            runs.add(filePage(page & ~WRITTEN), touch, micros, PageRun.ONE, PageRun.ONE);
        }
        long end = micros;
        LongStream.range(0, map.pages())
                .filter(page -> ahead.test(page) && !isRecorded(page))
                .map(this::filePage)
                .sorted()
                .forEach(page -> runs.add(page, Touch.AHEAD, end, 0, 0));
        return new WorkingSet(memory, snapshot, PageRun.ONE, runs.runs());
    }

    private boolean isRecorded(long page) {
        return (marks.get(ValueLayout.JAVA_LONG, page / Long.SIZE * Long.BYTES) >>> page % Long.SIZE & 1) != 0;
    }

    private long filePage(long page) {
        return map.offset(page) / map.pageSize();
    }

    @Override
    public void close() {
        entryMapping.close();
        markMapping.close();
    }
}
