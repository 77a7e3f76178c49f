package io.guestmem.diff.translate;

/**
 * What lies in the data pages: words of 8 bytes that are instructions as well, the same in 32-bit and in 64-bit code:
 *
 * <pre>{@code
 *   b8 TAG      mov eax, TAG
 *   ff e6       jmp esi (rsi)
 *   00
 * }</pre>
 *
 * <p>Each has another tag, so that what a guest reads or executes tells where it was.
 */
final class DataWord {
    private static final long MOVE = 0xB8;
    private static final long JUMP = 0xE6FFL;
    private static final int JUMP_SHIFT = 40;
    private static final int TAG_SHIFT = 8;
    private static final int LOW_TAG = 0xFF_FFFF;

    private DataWord() {}

    static long of(int tag) {
        return MOVE | Integer.toUnsignedLong(tag) << TAG_SHIFT | JUMP << JUMP_SHIFT;
    }

    /** The lower half of a word with another tag of 24 bits: what a guest writes. */
    static int lowerHalf(int tag) {
        return (int) (MOVE | (long) (tag & LOW_TAG) << TAG_SHIFT);
    }

    /** What executing the word leaves in eax. */
    static int tag(long word) {
        return (int) (word >>> TAG_SHIFT);
    }
}
