package io.guestmem.kvm;

import java.util.function.LongConsumer;

/** The pages of a memslot that were dirtied, by page number in the slot. Immutable. */
public final class DirtyBitmap {
    private final long[] words;

    DirtyBitmap(long[] words) {
        this.words = words;
    }

    /** Whether a page was dirtied. */
    public boolean isDirty(long page) {
        return (words[Math.toIntExact(page >> 6)] >>> (page & 63) & 1) != 0;
    }

    /** How many pages were dirtied. */
    public long count() {
        long count = 0;
        for (long word : words) {
            count += Long.bitCount(word);
        }
        return count;
    }

    /** Calls for every dirtied page, in ascending order. */
    public void forEach(LongConsumer page) {
        for (int i = 0; i < words.length; i++) {
            for (long word = words[i]; word != 0; word &= word - 1) {
                page.accept(((long) i << 6) + Long.numberOfTrailingZeros(word));
            }
        }
    }
}
