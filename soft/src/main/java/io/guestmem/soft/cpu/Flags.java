package io.guestmem.soft.cpu;

/**
 * The bits of rflags, and how results set them. Where the manuals leave a flag undefined, it is as the result of the same
 * formula comes out, or clear.
 */
final class Flags {
    static final long CF = 1;
    static final long FIXED = 1 << 1;
    static final long PF = 1 << 2;
    static final long AF = 1 << 4;
    static final long ZF = 1 << 6;
    static final long SF = 1 << 7;
    static final long TF = 1 << 8;
    static final long IF = 1 << 9;
    static final long DF = 1 << 10;
    static final long OF = 1 << 11;
    static final long IOPL = 3 << 12;
    static final long NT = 1 << 14;
    static final long RF = 1 << 16;
    static final long VM = 1 << 17;
    static final long AC = 1 << 18;
    static final long ID = 1 << 21;

    /** What arithmetic sets. */
    static final long ARITHMETIC = CF | PF | AF | ZF | SF | OF;

    static final int IOPL_SHIFT = 12;
    private static final int OF_SHIFT = 11;
    private static final int SF_SHIFT = 7;

    private Flags() {}

    /** After {@code left + right}, perhaps with a carry in, at a size in bytes. */
    static long add(long flags, long left, long right, long result, int size) {
        long carries = (left & right) | ((left | right) & ~result);
        long overflow = (left ^ result) & (right ^ result);
        return (flags & ~ARITHMETIC) | chain(carries, overflow, size) | signZeroParity(result, size);
    }

    /** After {@code left - right}, perhaps with a borrow in. */
    static long subtract(long flags, long left, long right, long result, int size) {
        long borrows = (~left & right) | ((~left | right) & result);
        long overflow = (left ^ right) & (left ^ result);
        return (flags & ~ARITHMETIC) | chain(borrows, overflow, size) | signZeroParity(result, size);
    }

    /** After and, or, xor, test: no carry, no overflow. */
    static long logic(long flags, long result, int size) {
        return (flags & ~ARITHMETIC) | signZeroParity(result, size);
    }

    /** Sets or clears flags. */
    static long with(long flags, long mask, boolean set) {
        return set ? flags | mask : flags & ~mask;
    }

    /** The carry out of the highest bit, that out of bit 3, and the overflow. */
    private static long chain(long carries, long overflow, int size) {
        int top = 8 * size - 1;
        return (carries >>> top & 1) | (carries & 8) << 1 | (overflow >>> top & 1) << OF_SHIFT;
    }

    static long signZeroParity(long result, int size) {
        int top = 8 * size - 1;
        long zero = result << (63 - top) == 0 ? ZF : 0;
        long parity = (Integer.bitCount((int) result & 0xFF) & 1) == 0 ? PF : 0;
        return zero | parity | (result >>> top & 1) << SF_SHIFT;
    }

    /** Whether a condition holds, by its number in the opcode. */
    static boolean holds(int condition, long flags) {
        boolean base = switch (condition >> 1) {
            case 0 -> (flags & OF) != 0;
            case 1 -> (flags & CF) != 0;
            case 2 -> (flags & ZF) != 0;
            case 3 -> (flags & (CF | ZF)) != 0;
            case 4 -> (flags & SF) != 0;
            case 5 -> (flags & PF) != 0;
            case 6 -> less(flags);
            default -> less(flags) || (flags & ZF) != 0;
        };
        return base != ((condition & 1) != 0);
    }

    private static boolean less(long flags) {
        return (flags & SF) != 0 != ((flags & OF) != 0);
    }
}
