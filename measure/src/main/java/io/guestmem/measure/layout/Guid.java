package io.guestmem.measure.layout;

import java.util.UUID;

/**
 * A GUID as UEFI stores it: the first three fields little-endian, the rest as it is written.
 *
 * @param text lower case, with hyphens
 */
public record Guid(String text) {
    /** Bytes of a GUID. */
    public static final int SIZE = 16;

    /** The GUID at an offset. */
    public static Guid at(byte[] bytes, int offset) {
        long high = (LittleEndian.u32(bytes, offset) << 32)
                | ((long) LittleEndian.u16(bytes, offset + 4) << 16)
                | LittleEndian.u16(bytes, offset + 6);
        return new Guid(new UUID(high, Long.reverseBytes(LittleEndian.u64(bytes, offset + 8))).toString());
    }

    /** Puts it. */
    public void put(byte[] bytes, int offset) {
        UUID uuid = UUID.fromString(text);
        long high = uuid.getMostSignificantBits();
        LittleEndian.put32(bytes, offset, high >>> 32);
        LittleEndian.put16(bytes, offset + 4, (int) (high >>> 16));
        LittleEndian.put16(bytes, offset + 6, (int) high);
        LittleEndian.put64(bytes, offset + 8, Long.reverseBytes(uuid.getLeastSignificantBits()));
    }

    @Override
    public String toString() {
        return text;
    }
}
