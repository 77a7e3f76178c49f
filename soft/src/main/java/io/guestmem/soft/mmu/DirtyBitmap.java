package io.guestmem.soft.mmu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The dirty pages of a memslot, a bit each, by page number in the slot. Thread-safe; a bit that is set while its word is fetched
 * is either fetched or stays.
 *
 * <p>Words are made when they first differ from how they all began, in pieces of 128 MiB of guest memory: a bitmap of 8 TiB
 * costs nothing before it is used.
 */
public final class DirtyBitmap {
    private static final int PIECE_WORDS = 512;
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    private final long pages;
    private final boolean initiallyDirty;
    private final AtomicReferenceArray<long @Nullable []> pieces;

    /** A bitmap of a slot with so many pages, all dirty or all clean. */
    public DirtyBitmap(long pages, boolean initiallyDirty) {
        this.pages = pages;
        this.initiallyDirty = initiallyDirty;
        this.pieces = new AtomicReferenceArray<>((int) Math.ceilDiv(words(), PIECE_WORDS));
    }

    /** The number of words: a word for 64 pages. */
    public long words() {
        return (pages + 63) >>> 6;
    }

    /** A page is dirty. */
    public void set(long page) {
        long[] piece = piece(page >>> 6);
        int index = (int) (page >>> 6) & PIECE_WORDS - 1;
        long bit = 1L << page;
        if ((piece[index] & bit) == 0) {
            WORD.getAndBitwiseOr(piece, index, bit);
        }
    }

    /** The bits of 64 pages. */
    public long word(long word) {
        long[] piece = pieces.get((int) (word / PIECE_WORDS));
        return piece == null ? initial(word) : (long) WORD.getVolatile(piece, (int) word & PIECE_WORDS - 1);
    }

    /** Makes pages clean, of those 64 whose bits are set in the mask, and returns which of them were dirty. */
    public long clear(long word, long mask) {
        if (!initiallyDirty && pieces.get((int) (word / PIECE_WORDS)) == null) {
            return 0;
        }
        long before = (long) WORD.getAndBitwiseAnd(piece(word), (int) word & PIECE_WORDS - 1, ~mask);
        return before & mask;
    }

    /** Whether a page is dirty. */
    public boolean isDirty(long page) {
        return (word(page >>> 6) >>> page & 1) != 0;
    }

    private long[] piece(long word) {
        int index = (int) (word / PIECE_WORDS);
        long[] piece = pieces.get(index);
        if (piece != null) {
            return piece;
        }
        long[] made = new long[PIECE_WORDS];
        long first = (long) index * PIECE_WORDS;
        for (int i = 0; initiallyDirty && i < PIECE_WORDS && first + i < words(); i++) {
            made[i] = initial(first + i);
        }
        return pieces.compareAndSet(index, null, made) ? made : piece(word);
    }

    private long initial(long word) {
        if (!initiallyDirty) {
            return 0;
        }
        long left = pages - (word << 6);
        return left >= 64 ? -1 : (1L << left) - 1;
    }
}
