package io.guestmem.soft.host;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * 512 frames, aligned: the unit in which native memory comes and goes. Guarded by the {@link FrameTable}'s monitor, but for
 * {@link #address}.
 *
 * <p>A frame is used as long as somebody refers to it: {@code whole} counts those who refer to all frames as one huge page,
 * {@code single} those who refer to one frame. Numbers that a caller reserved for itself have no references.
 */
final class Chunk {
    static final int FRAMES = 512;
    static final long BYTES = FRAMES * Level.PAGE;

    private static final int WORDS = FRAMES / Long.SIZE;
    private static final int[] NO_COUNTS = {};
    private static final long[] NO_BITS = {};

    /** The number of the first frame. */
    final long first;

    /** Where the first frame lies, or would lie; 0 as long as no memory is behind it. Read without the monitor. */
    volatile long address;

    /** The memory's owner; null if there is no memory, or if it belongs to a {@link Home}. */
    @Nullable
    Arena arena;

    /** Whether the memory is a {@link Home}'s: it stays when nobody refers to it, and is zeroed then. */
    boolean home;

    /** How many frames the huge page has that starts here: 512, or 262144 for 1 GiB. */
    long span = FRAMES;

    int whole;

    /** How many frames are used. */
    int used;

    private int[] single = NO_COUNTS;
    /** The sum of {@link #single}. */
    private int singles;
    /** Frames that are free to be taken one by one. */
    private long[] free = NO_BITS;
    /** Free frames whose memory is not zero. */
    private long[] stale = NO_BITS;
    /** Where the search for a free frame goes on, so that a freed frame is not taken again at once. */
    private int cursor;

    Chunk(long first) {
        this.first = first;
    }

    static int indexOf(long pfn) {
        return (int) (pfn & FRAMES - 1);
    }

    /** How many refer to a frame, in whatever size. */
    int references(int index) {
        return whole + single(index);
    }

    private int single(int index) {
        return single.length == 0 ? 0 : single[index];
    }

    void addSingle(int index, int change) {
        if (single.length == 0) {
            single = new int[FRAMES];
        }
        single[index] += change;
        singles += change;
        if (single[index] < 0) {
            throw new IllegalStateException("frame " + (first + index) + " was given up by more than had it");
        }
    }

    boolean hasSingles() {
        return singles > 0;
    }

    /** Makes all frames free. */
    void freeAll() {
        free = new long[WORDS];
        Arrays.fill(free, -1);
        used = 0;
    }

    /** Frees a frame that nobody refers to. */
    void free(int index) {
        if (free.length == 0) {
            free = new long[WORDS];
        }
        free[index / Long.SIZE] |= 1L << index;
        used--;
        if (address != 0) {
            if (stale.length == 0) {
                stale = new long[WORDS];
            }
            stale[index / Long.SIZE] |= 1L << index;
        }
    }

    boolean isFull() {
        return used == FRAMES;
    }

    /** Takes the next free frame, zeroed. */
    int take() {
        if (isFull()) {
            throw new IllegalStateException("no free frame from " + first);
        }
        int index = cursor;
        while ((free[index / Long.SIZE] & 1L << index) == 0) {
            index = index + 1 & FRAMES - 1;
        }
        cursor = index + 1 & FRAMES - 1;
        free[index / Long.SIZE] &= ~(1L << index);
        used++;
        if (stale.length != 0 && (stale[index / Long.SIZE] & 1L << index) != 0) {
            stale[index / Long.SIZE] &= ~(1L << index);
            NativeMemory.zero(address + index * Level.PAGE, Level.PAGE);
        }
        return index;
    }
}
