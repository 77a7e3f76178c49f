package io.guestmem.vmm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/**
 * Two running sums over 8-byte little-endian words, after Fletcher: {@code a += word; b += a}, modulo 2^64. The second one
 * depends on the order, so that a page in the wrong place is found.
 *
 * @param a the sum of all words
 * @param b the sum of all values of {@code a}
 */
public record Checksum(long a, long b) {
    /** The checksum of nothing. */
    public static final Checksum EMPTY = new Checksum(0, 0);

    /**
     * The checksum after more words.
     *
     * @param words a multiple of 8 bytes
     */
    public Checksum and(MemorySegment words) {
        long sum = a;
        long sums = b;
        for (long at = 0; at < words.byteSize(); at += Long.BYTES) {
            sum += words.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
            sums += sum;
        }
        return new Checksum(sum, sums);
    }

    /**
     * The checksum after zeroes.
     *
     * @param bytes a multiple of 8
     */
    public Checksum andZeroes(long bytes) {
        return new Checksum(a, b + a * (bytes / Long.BYTES));
    }

    /** 32 hexadecimal digits, {@code a} first. */
    @Override
    public String toString() {
        HexFormat hex = HexFormat.of();
        return hex.toHexDigits(a) + hex.toHexDigits(b);
    }
}
