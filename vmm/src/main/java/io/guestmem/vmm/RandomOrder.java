package io.guestmem.vmm;

import java.util.PrimitiveIterator;
import java.util.stream.LongStream;

/**
 * An order of pages in which each comes once: a linear congruential generator of full period (modulus a power of two, odd
 * increment, multiplier 1 modulo 4; Knuth, volume 2, 3.2.1.2), without the numbers that are too large. A guest and its host
 * compute it alike.
 *
 * @param pages how many, at least 1
 * @param seed gives the order
 */
record RandomOrder(long pages, long seed) {
    static final long MULTIPLIER = 6364136223846793005L;

    RandomOrder {
        if (pages < 1) {
            throw new IllegalArgumentException("no pages: " + pages);
        }
    }

    /** The modulus less one. */
    long mask() {
        return pages == 1 ? 0 : -1L >>> Long.numberOfLeadingZeros(pages - 1);
    }

    /** The number before the first one of the order. */
    long first() {
        return seed & mask();
    }

    long increment() {
        return seed >>> 17 | 1;
    }

    /** The pages in their order. */
    LongStream stream() {
        PrimitiveIterator.OfLong numbers =
                LongStream.iterate(next(first()), this::next).iterator();
        return LongStream.generate(numbers::nextLong)
                .filter(page -> page < pages)
                .limit(pages);
    }

    private long next(long number) {
        return number * MULTIPLIER + increment() & mask();
    }
}
