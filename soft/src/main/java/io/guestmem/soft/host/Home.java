package io.guestmem.soft.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One piece of native memory under all pages of a mapping or file, so that Java code can have it as one segment. The pages of
 * whoever has a home are never anywhere else: they are neither swapped, nor moved, nor the zero page.
 *
 * <p>Guarded by the host's lock.
 */
final class Home {
    /** The address or file offset that {@link #first} stands for. */
    private final long origin;

    final long first;
    final long frames;
    final MemorySegment segment;
    final Arena arena;

    /** How many mappings, or the file, live here. */
    int holders;

    Home(long origin, long first, long frames, MemorySegment segment, Arena arena) {
        this.origin = origin;
        this.first = first;
        this.frames = frames;
        this.segment = segment;
        this.arena = arena;
    }

    /** The frame of an address or offset, as {@link #origin} is one. */
    long pfn(long at) {
        return first + ((at - origin) >>> Level.PAGE_SHIFT);
    }

    MemorySegment slice(long at, long length) {
        if (at < origin || at - origin > segment.byteSize() - length) {
            throw new IllegalArgumentException(length + " bytes reach out of what is in one place");
        }
        return segment.asSlice(at - origin, length);
    }
}
