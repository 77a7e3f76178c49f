package io.guestmem.image;

import io.guestmem.paging.PhysicalRanges;

/**
 * LiME, version 1: ranges of memory one after the other.
 *
 * <pre>{@code
 *   u32 magic 0x4C694D45, version 1; u64 start, end (itself included), 8 bytes reserved; the bytes         repeated
 * }</pre>
 */
final class LimeFile {
    static final int HEADER = 32;
    private static final int MAGIC = 0x4C69_4D45;

    private LimeFile() {}

    static boolean isOne(ImageBytes bytes) throws ImageException {
        return bytes.size() >= Integer.BYTES && bytes.i32(0, "the magic number") == MAGIC;
    }

    static PhysicalRanges read(ImageBytes bytes) throws ImageException {
        MemoryPieces pieces = new MemoryPieces(bytes);
        long at = 0;
        while (at < bytes.size()) {
            if (bytes.i32(at, "the magic number") != MAGIC || bytes.i32(at + 4, "the version") != 1) {
                throw new ImageException(at, "no LiME header, or one of an unknown version");
            }
            long start = bytes.i64(at + 8, "a range's start");
            long length = length(start, bytes.i64(at + 16, "a range's end"), at);
            pieces.add(start, length, at + HEADER, at);
            at += HEADER + length;
        }
        return pieces.memory();
    }

    /** Of a range whose end is a part of it. */
    static long length(long start, long end, long at) throws ImageException {
        if (start < 0 || end < start || end == Long.MAX_VALUE) {
            throw new ImageException(
                    at, "a range from 0x" + Long.toHexString(start) + " to 0x" + Long.toHexString(end));
        }
        return end + 1 - start;
    }
}
