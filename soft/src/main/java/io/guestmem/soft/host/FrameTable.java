package io.guestmem.soft.host;

import io.guestmem.soft.Schedule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The frames of a simulated host.
 *
 * <pre>{@code
 *   pfn >>> 9      ┌───────┐      ┌─────────────┐
 *   ──────────────>│ Chunk ├─────>│ 2 MiB of    │ + (pfn & 511) * 4096
 *                  ├───────┤      │ native      │
 *                  │ null  │      │ memory      │  made, zeroed, by the first address(pfn)
 *                  └───────┘      └─────────────┘
 * }</pre>
 *
 * <p>Frames that a caller {@linkplain #reserve reserves} are its own. Those of address spaces and files are taken one by one
 * or as huge pages, and counted: memory of a chunk goes when none of its frames is used. At most one chunk without used frames
 * is kept, so that the memory of a page that comes and goes is not made anew each time.
 *
 * <p>An address is good as long as its frame is not released: nobody is asked.
 *
 * <p>Thread-safe; {@link #address} takes no lock when there is memory. The monitor is innermost: nothing else is locked under
 * it.
 */
public final class FrameTable implements Frames, AutoCloseable {
    private static final long LIMIT = 1L << 38;
    private static final long FIRST = HUGE_ZERO_PFN + Chunk.FRAMES;

    final Host host;

    /** By {@code pfn >>> 9}; grows by being replaced. Written under the monitor, read without. */
    private volatile @Nullable Chunk[] chunks = new Chunk[16];

    private final FrameNumbers numbers = new FrameNumbers(FIRST);
    /** What callers reserved: first number to count. */
    private final Map<Long, Long> reserved = new HashMap<>();
    /** Chunks with free frames, the longest waiting first. */
    private final Set<Chunk> partial = new LinkedHashSet<>();

    private long inUse;
    private long poisoned;
    private long nativeBytes;
    private boolean closed;

    /** Makes the frames of a host whose threads run freely. */
    public FrameTable() {
        this(Schedule.FREE);
    }

    /**
     * Makes the frames of a host.
     *
     * @param schedule of all threads that use them
     */
    public FrameTable(Schedule schedule) {
        host = new Host(schedule);
    }

    /**
     * Takes frame numbers.
     *
     * @throws IllegalArgumentException if count or alignment are none, or more than 2^38 numbers (1 PiB) would be taken in all
     */
    @Override
    public synchronized long reserve(long count, long alignment) {
        boolean valid = count > 0 && alignment > 0 && Long.bitCount(alignment) == 1;
        boolean fits = count <= LIMIT && alignment <= LIMIT && numbers.limit() <= LIMIT - count - alignment;
        if (!valid || !fits) {
            throw new IllegalArgumentException("count " + count + ", alignment " + alignment);
        }
        long first = numbers.take(wholeChunks(count), Math.max(alignment, Chunk.FRAMES));
        reserved.put(first, count);
        inUse += count;
        return first;
    }

    /**
     * Gives frame numbers back; their memory is freed.
     *
     * @param first what {@link #reserve} answered
     * @param count as it was asked for
     */
    @Override
    public synchronized void release(long first, long count) {
        if (!reserved.remove(first, count)) {
            throw new IllegalArgumentException("not reserved: " + count + " frames from " + first);
        }
        inUse -= count;
        giveBack(first, wholeChunks(count));
    }

    @Override
    public long address(long pfn) {
        @Nullable Chunk[] table = chunks;
        long index = pfn >>> 9;
        if (index < table.length) {
            Chunk chunk = table[(int) index];
            if (chunk != null) {
                long address = chunk.address;
                if (address != 0) {
                    return address + ((pfn & Chunk.FRAMES - 1) << Level.PAGE_SHIFT);
                }
            }
        }
        return back(pfn);
    }

    @Override
    public synchronized void discard(long first, long count) {
        long end = first + count;
        for (long at = first; at < end; at = chunkStart(at) + Chunk.FRAMES) {
            Chunk chunk = find(at);
            if (chunk == null || chunk.address == 0) {
                continue;
            }
            long stop = Math.min(end, chunk.first + Chunk.FRAMES);
            if (stop - at == Chunk.FRAMES && !chunk.home) {
                dropMemory(chunk);
            } else {
                NativeMemory.zero(address(at), (stop - at) << Level.PAGE_SHIFT);
            }
        }
    }

    /** How many frames are reserved, or used by address spaces, files, or as poisoned pages. */
    public synchronized long inUse() {
        return inUse;
    }

    /** How many frames are withdrawn for good since they were poisoned. */
    public synchronized long poisoned() {
        return poisoned;
    }

    /** How many bytes of native memory are behind the frames. */
    public synchronized long nativeBytes() {
        return nativeBytes;
    }

    /** Frees all memory, whoever uses it; closing twice is allowed. */
    @Override
    public synchronized void close() {
        closed = true;
        for (Chunk chunk : chunks) {
            if (chunk != null) {
                dropMemory(chunk);
            }
        }
        chunks = new Chunk[0];
        partial.clear();
    }

    /** Takes a page that reads as zeroes, with one reference. */
    synchronized long allocate(int level) {
        inUse += Level.frames(level);
        if (level == Level.SMALL) {
            Chunk chunk = partial.isEmpty() ? freshChunk() : partial.iterator().next();
            long pfn = chunk.first + chunk.take();
            chunk.addSingle(Chunk.indexOf(pfn), 1);
            if (chunk.isFull()) {
                partial.remove(chunk);
            }
            return pfn;
        }
        long frames = Level.frames(level);
        Chunk chunk = chunk(numbers.take(frames, frames));
        chunk.span = frames;
        chunk.used = Chunk.FRAMES;
        chunk.whole = 1;
        return chunk.first;
    }

    /** Adds a reference to a page. */
    synchronized void getPage(long pfn, int level) {
        Chunk chunk = chunk(pfn);
        if (chunk.home && references(pfn, level) == 0) {
            inUse += Level.frames(level);
        }
        if (level == Level.SMALL) {
            chunk.addSingle(Chunk.indexOf(pfn), 1);
        } else {
            chunk.span = Level.frames(level);
            chunk.whole++;
        }
    }

    /** Removes a reference from a page; the last one frees it. */
    synchronized void putPage(long pfn, int level) {
        Chunk chunk = chunk(pfn);
        if (level == Level.SMALL) {
            int index = Chunk.indexOf(pfn);
            chunk.addSingle(index, -1);
            if (chunk.references(index) == 0) {
                free(chunk, index);
            }
        } else if (--chunk.whole == 0) {
            freeWhole(chunk);
        }
    }

    /** How many refer to a page, or to any frame of it. */
    synchronized int references(long pfn, int level) {
        Chunk chunk = chunk(pfn);
        if (level == Level.SMALL) {
            return chunk.references(Chunk.indexOf(pfn));
        }
        return chunk.whole + (chunk.hasSingles() ? 1 : 0);
    }

    /** Turns one reference to a 2 MiB page into one to each of its frames. */
    synchronized void split(long pfn) {
        Chunk chunk = chunk(pfn);
        chunk.whole--;
        for (int i = 0; i < Chunk.FRAMES; i++) {
            chunk.addSingle(i, 1);
        }
    }

    /** Withdraws a page for good: it keeps a reference that nobody removes. */
    synchronized void poison(long pfn, int level) {
        getPage(pfn, level);
        poisoned += Level.frames(level);
    }

    /** Copies a page to one that reads as zeroes; what has no memory stays so. */
    void copy(long from, long to, int level) {
        long step = Math.min(Level.frames(level), Chunk.FRAMES);
        for (long i = 0; i < Level.frames(level); i += step) {
            if (isBacked(from + i)) {
                NativeMemory.copy(address(from + i), address(to + i), step << Level.PAGE_SHIFT);
            }
        }
    }

    /**
     * Makes a home for pages that are addressed from {@code origin}.
     *
     * @param origin of the first page; frame numbers are aligned as it is, up to 1 GiB
     * @param bytes a positive multiple of 4096
     */
    synchronized Home home(long origin, long bytes) {
        long frames = bytes >>> Level.PAGE_SHIFT;
        long alignment = Level.frames(Level.GIGANTIC);
        long offset = origin >>> Level.PAGE_SHIFT & alignment - 1;
        Arena arena = Arena.ofShared();
        MemorySegment segment = arena.allocate(bytes, Level.PAGE);
        nativeBytes += bytes;
        long skipped = offset & -Chunk.FRAMES;
        long within = offset - skipped;
        long base = takeAligned(wholeChunks(within + frames), skipped, alignment);
        for (long first = base; first < base + within + frames; first += Chunk.FRAMES) {
            Chunk chunk = chunk(first);
            chunk.home = true;
            chunk.address = segment.address() + ((first - base - within) << Level.PAGE_SHIFT);
        }
        return new Home(origin, base + within, frames, segment, arena);
    }

    /** Frees a home; its segment refuses access from now on. */
    synchronized void release(Home home) {
        long first = chunkStart(home.first);
        giveBack(first, wholeChunks(home.first - first + home.frames));
        nativeBytes -= home.segment.byteSize();
        home.arena.close();
    }

    /** Takes numbers whose first is {@code skipped} behind an aligned one. */
    private long takeAligned(long count, long skipped, long alignment) {
        long start = numbers.take(skipped + count, alignment);
        if (skipped > 0) {
            numbers.give(start, skipped);
        }
        return start + skipped;
    }

    private synchronized boolean isBacked(long pfn) {
        Chunk chunk = find(pfn);
        return chunk != null && chunk.address != 0;
    }

    private void free(Chunk chunk, int index) {
        inUse--;
        if (chunk.home) {
            NativeMemory.zero(chunk.address + index * Level.PAGE, Level.PAGE);
            return;
        }
        chunk.free(index);
        if (chunk.used > 0) {
            partial.add(chunk);
        } else if (partial.size() > 1 || !partial.contains(chunk)) {
            partial.remove(chunk);
            giveBack(chunk.first, Chunk.FRAMES);
        }
    }

    private void freeWhole(Chunk chunk) {
        if (chunk.hasSingles()) {
            for (int i = 0; i < Chunk.FRAMES; i++) {
                if (chunk.references(i) == 0) {
                    free(chunk, i);
                }
            }
            return;
        }
        inUse -= chunk.span;
        if (chunk.home) {
            NativeMemory.zero(chunk.address, chunk.span << Level.PAGE_SHIFT);
        } else {
            giveBack(chunk.first, chunk.span);
        }
    }

    private Chunk freshChunk() {
        Chunk chunk = chunk(numbers.take(Chunk.FRAMES, Chunk.FRAMES));
        chunk.freeAll();
        partial.add(chunk);
        return chunk;
    }

    private void giveBack(long first, long count) {
        for (long at = first; at < first + count; at += Chunk.FRAMES) {
            Chunk chunk = find(at);
            if (chunk != null) {
                dropMemory(chunk);
                chunks[(int) (at >>> 9)] = null;
            }
        }
        numbers.give(first, count);
    }

    private void dropMemory(Chunk chunk) {
        chunk.address = 0;
        Arena arena = chunk.arena;
        if (arena != null) {
            chunk.arena = null;
            nativeBytes -= Chunk.BYTES;
            arena.close();
        }
    }

    private synchronized long back(long pfn) {
        if (closed) {
            throw new IllegalStateException("the frame table is closed");
        }
        if (pfn < ZERO_PFN || pfn >= numbers.limit()) {
            throw new IllegalArgumentException("no frame " + pfn);
        }
        Chunk chunk = chunk(pfn);
        if (chunk.address == 0) {
            if (chunkStart(pfn) == ZERO_PFN) {
                chunk.address = address(HUGE_ZERO_PFN);
            } else {
                Arena arena = Arena.ofShared();
                chunk.address = arena.allocate(Chunk.BYTES, Level.PAGE).address();
                chunk.arena = arena;
                nativeBytes += Chunk.BYTES;
            }
        }
        return chunk.address + ((pfn & Chunk.FRAMES - 1) << Level.PAGE_SHIFT);
    }

    private @Nullable Chunk find(long pfn) {
        int index = (int) (pfn >>> 9);
        return index < chunks.length ? chunks[index] : null;
    }

    private Chunk chunk(long pfn) {
        int index = (int) (pfn >>> 9);
        if (index >= chunks.length) {
            chunks = Arrays.copyOf(chunks, Math.max(index + 1, chunks.length + (chunks.length >> 1)));
        }
        Chunk chunk = chunks[index];
        if (chunk == null) {
            chunk = new Chunk(chunkStart(pfn));
            chunks[index] = chunk;
        }
        return chunk;
    }

    private static long chunkStart(long pfn) {
        return pfn & -Chunk.FRAMES;
    }

    private static long wholeChunks(long frames) {
        return frames + Chunk.FRAMES - 1 & -Chunk.FRAMES;
    }
}
