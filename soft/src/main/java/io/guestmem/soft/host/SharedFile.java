package io.guestmem.soft.host;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A file whose pages several address spaces may map: a memfd, a hugetlbfs file, or a file with content. Its page cache holds
 * one frame for each page that was ever touched; a page without frame reads as zeroes, or as its source says.
 *
 * <p>It lives until it is {@linkplain #close closed} and nobody maps it any more. Thread-safe.
 */
public final class SharedFile implements AutoCloseable {
    private static final int BLOCK = 512;
    /** A page that broke: it stays, so that nobody reads zeroes instead of what is lost. */
    private static final long POISONED = -1;

    private final FrameTable frames;
    private final long size;
    private final int pageLevel;
    private final @Nullable PageSource source;
    private final boolean guardable;

    /** Pfn of each page in blocks of 512, 0 for none. Guarded by the host's lock, as are the fields below. */
    private final Map<Long, long[]> cache = new HashMap<>();
    /** Who maps it, with how many mappings. */
    private final Map<AddressSpace, Integer> spaces = new LinkedHashMap<>();

    private @Nullable Home home;
    private boolean closed;

    /**
     * Makes a file; page size, source and length stay.
     *
     * @param frames of the host
     * @param size in bytes, positive; of a hugetlb file a multiple of its page size
     * @param pageLevel 1, or 2 or 3 for hugetlb
     * @param source of the content; null for zeroes, which is a memfd
     */
    public SharedFile(FrameTable frames, long size, int pageLevel, @Nullable PageSource source) {
        this(frames, size, pageLevel, source, true);
    }

    private SharedFile(FrameTable frames, long size, int pageLevel, @Nullable PageSource source, boolean guardable) {
        if (size <= 0 || pageLevel < Level.SMALL || pageLevel > Level.GIGANTIC) {
            throw new IllegalArgumentException("size " + size + ", page level " + pageLevel);
        }
        if (pageLevel > Level.SMALL && !Level.isAligned(size, pageLevel)) {
            throw new IllegalArgumentException("size " + size + " is no multiple of the page size");
        }
        this.frames = frames;
        this.size = size;
        this.pageLevel = pageLevel;
        this.source = source;
        this.guardable = guardable;
    }

    /** {@code memfd_create}. */
    public static SharedFile memfd(FrameTable frames, long size) {
        return new SharedFile(frames, size, Level.SMALL, null);
    }

    /**
     * The file of a guest_memfd: no userfaultfd may guard its mappings. Source: Linux 7.2
     * {@code mm/userfaultfd.c:vma_can_userfault}.
     *
     * @param source of the content; null for zeroes
     */
    public static SharedFile guestMemfd(FrameTable frames, long size, @Nullable PageSource source) {
        return new SharedFile(frames, size, Level.SMALL, source, false);
    }

    /** Whether a userfaultfd may guard mappings of it. */
    boolean isGuardable() {
        return guardable;
    }

    /** The length in bytes. */
    public long size() {
        return size;
    }

    /** 1, or 2 or 3 for a hugetlb file. */
    public int pageLevel() {
        return pageLevel;
    }

    /** How many 4 KiB frames its pages take. */
    public long residentFrames() {
        frames.host.lock();
        try {
            return cache.values().stream()
                            .flatMapToLong(Arrays::stream)
                            .filter(pfn -> pfn != 0)
                            .count()
                    * Level.frames(pageLevel);
        } finally {
            frames.host.unlock();
        }
    }

    /**
     * {@code fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)}: whole pages go, parts of pages become zero. Everybody who
     * maps a page that goes is told; private copies stay.
     *
     * @param offset in bytes, 0 or more
     * @param length in bytes, positive
     * @return 0 or {@code -EINVAL}
     */
    public int punchHole(long offset, long length) {
        if (offset < 0 || length <= 0 || offset + length < 0) {
            return Failure.EINVAL;
        }
        frames.host.lock();
        try {
            long end = Math.min(offset + length, Level.up(size, pageLevel));
            long first = Level.up(offset, pageLevel);
            long last = Level.down(end, pageLevel);
            if (first > last) {
                clear(offset, end);
                return 0;
            }
            clear(offset, Math.min(first, end));
            clear(last, end);
            if (first < last) {
                unmapEverywhere(first, last);
                drop(first, last);
            }
            return 0;
        } finally {
            frames.host.unlock();
        }
    }

    /** No more can be mapped; its pages go with the last mapping. Closing twice is allowed. */
    @Override
    public void close() {
        frames.host.lock();
        try {
            closed = true;
            freeIfUnused();
        } finally {
            frames.host.unlock();
        }
    }

    /**
     * The frame of the page at an offset, allocated and zeroed if there is none: for a guest_memfd, whose pages go into stage 2
     * without a mapping.
     *
     * @param offset in bytes
     * @return the pfn, or {@code -EFAULT} behind the end, or {@code -EHWPOISON}
     */
    public long frame(long offset) {
        frames.host.lock();
        try {
            return page(offset);
        } finally {
            frames.host.unlock();
        }
    }

    /** The page at an offset, which has a frame, breaks; its content is lost. */
    public void breakPage(long offset) {
        frames.host.lock();
        try {
            unmapEverywhere(Level.down(offset, pageLevel), Level.down(offset, pageLevel) + Level.bytes(pageLevel));
            poison(offset);
        } finally {
            frames.host.unlock();
        }
    }

    // What follows is for holders of the host's lock.

    /** The frame of the page at an offset, with a reference of the cache; or {@code -EFAULT} or {@code -EHWPOISON}. */
    long page(long offset) {
        long at = Level.down(offset, pageLevel);
        if (at >= size) {
            return Failure.EFAULT;
        }
        long pfn = cached(at);
        if (pfn == POISONED) {
            return Failure.EHWPOISON;
        }
        if (pfn != 0) {
            return pfn;
        }
        pfn = newFrame(at);
        if (source != null) {
            try {
                source.read(at, NativeMemory.ALL.asSlice(frames.address(pfn), Level.bytes(pageLevel)));
            } catch (IOException _) { // as the kernel: the reader gets a bus error, which is EFAULT for KVM
                frames.putPage(pfn, pageLevel);
                return Failure.EFAULT;
            }
        }
        put(at, pfn);
        return pfn;
    }

    /** Whether a page is in the cache. */
    boolean has(long offset) {
        return cached(Level.down(offset, pageLevel)) != 0;
    }

    /** Whether the content is only here, so that a page that breaks is lost. */
    boolean isMemory() {
        return source == null;
    }

    /** Puts content into a page that is not in the cache; the segment has the page's size. */
    void fill(long offset, MemorySegment content) {
        long pfn = newFrame(offset);
        MemorySegment.copy(content, 0, NativeMemory.ALL, frames.address(pfn), content.byteSize());
        put(offset, pfn);
    }

    /** Withdraws a page; of a memfd it stays broken, of a file with content it is read again. */
    void poison(long offset) {
        long at = Level.down(offset, pageLevel);
        long pfn = cached(at);
        frames.poison(pfn, pageLevel);
        frames.putPage(pfn, pageLevel);
        put(at, isMemory() ? POISONED : 0);
    }

    void attach(AddressSpace space) {
        if (closed && spaces.isEmpty()) {
            throw new IllegalStateException("the file is closed");
        }
        spaces.merge(space, 1, Integer::sum);
    }

    void detach(AddressSpace space) {
        if (spaces.merge(space, -1, Integer::sum) == 0) {
            spaces.remove(space);
        }
        freeIfUnused();
    }

    List<AddressSpace> spaces() {
        return List.copyOf(spaces.keySet());
    }

    /** The one segment under all its pages; pages that lie elsewhere move. */
    Home home() {
        Home already = home;
        if (already != null) {
            return already;
        }
        Home made = frames.home(0, Level.up(size, pageLevel));
        unmapEverywhere(0, Level.up(size, pageLevel));
        for (Map.Entry<Long, long[]> block : cache.entrySet()) {
            for (int i = 0; i < BLOCK; i++) {
                long old = block.getValue()[i];
                if (old > 0) {
                    long pfn = made.pfn((block.getKey() * BLOCK + i) << Level.shift(pageLevel));
                    frames.getPage(pfn, pageLevel);
                    frames.copy(old, pfn, pageLevel);
                    frames.putPage(old, pageLevel);
                    block.getValue()[i] = pfn;
                }
            }
        }
        home = made;
        return made;
    }

    private long newFrame(long offset) {
        if (home == null) {
            return frames.allocate(pageLevel);
        }
        long pfn = home.pfn(offset);
        frames.getPage(pfn, pageLevel);
        return pfn;
    }

    /** Takes the file's pages in a range out of all page tables. */
    private void unmapEverywhere(long first, long last) {
        for (AddressSpace space : spaces.keySet()) {
            for (Mapping mapping : space.mappings.of(this)) {
                long start = Math.max(mapping.start(), mapping.addressOf(first));
                long end = Math.min(mapping.end(), mapping.addressOf(last));
                if (start < end) {
                    space.notifiers.around(start, end, () -> space.zap.filePages(start, end));
                }
            }
        }
    }

    private void drop(long first, long last) {
        for (Map.Entry<Long, long[]> block : List.copyOf(cache.entrySet())) {
            long[] pfns = block.getValue();
            for (int i = 0; i < BLOCK; i++) {
                long offset = (block.getKey() * BLOCK + i) << Level.shift(pageLevel);
                if (offset >= first && offset < last) {
                    if (pfns[i] > 0) {
                        frames.putPage(pfns[i], pageLevel);
                    }
                    pfns[i] = 0;
                }
            }
        }
        cache.values().removeIf(pfns -> Arrays.stream(pfns).allMatch(pfn -> pfn == 0));
    }

    /** Zeroes a part of a page. */
    private void clear(long start, long end) {
        long pfn = start < end ? cached(Level.down(start, pageLevel)) : 0;
        if (pfn > 0) {
            long within = start - Level.down(start, pageLevel);
            for (long at = within; at < within + (end - start); at = Level.down(at, Level.SMALL) + Level.PAGE) {
                long stop = Math.min(Level.down(at, Level.SMALL) + Level.PAGE, within + (end - start));
                long frame = pfn + (at >>> Level.PAGE_SHIFT);
                NativeMemory.zero(frames.address(frame) + (at & Level.PAGE - 1), stop - at);
            }
        }
    }

    private void freeIfUnused() {
        if (closed && spaces.isEmpty()) {
            drop(0, Long.MAX_VALUE);
            Home unused = home;
            if (unused != null) {
                home = null;
                frames.release(unused);
            }
        }
    }

    private long cached(long offset) {
        long page = offset >>> Level.shift(pageLevel);
        long[] block = cache.get(page / BLOCK);
        return block == null ? 0 : block[(int) (page % BLOCK)];
    }

    private void put(long offset, long pfn) {
        long page = offset >>> Level.shift(pageLevel);
        cache.computeIfAbsent(page / BLOCK, _ -> new long[BLOCK])[(int) (page % BLOCK)] = pfn;
    }
}
