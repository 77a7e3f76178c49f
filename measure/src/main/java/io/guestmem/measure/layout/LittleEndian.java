package io.guestmem.measure.layout;

/** Little-endian numbers in byte arrays; bounds are the array's. */
public final class LittleEndian {
    private LittleEndian() {}

    /** The 16 bits at an offset, unsigned. */
    public static int u16(byte[] bytes, int offset) {
        return (bytes[offset] & 0xff) | ((bytes[offset + 1] & 0xff) << 8);
    }

    /** The 32 bits at an offset, unsigned. */
    public static long u32(byte[] bytes, int offset) {
        return u16(bytes, offset) | ((long) u16(bytes, offset + 2) << 16);
    }

    /** The 64 bits at an offset. */
    public static long u64(byte[] bytes, int offset) {
        return u32(bytes, offset) | (u32(bytes, offset + 4) << 32);
    }

    /** Puts 16 bits. */
    public static void put16(byte[] bytes, int offset, int value) {
        bytes[offset] = (byte) value;
        bytes[offset + 1] = (byte) (value >>> 8);
    }

    /** Puts 32 bits. */
    public static void put32(byte[] bytes, int offset, long value) {
        put16(bytes, offset, (int) value);
        put16(bytes, offset + 2, (int) (value >>> 16));
    }

    /** Puts 64 bits. */
    public static void put64(byte[] bytes, int offset, long value) {
        put32(bytes, offset, value);
        put32(bytes, offset + 4, value >>> 32);
    }
}
