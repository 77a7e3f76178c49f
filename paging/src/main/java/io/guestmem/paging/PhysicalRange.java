package io.guestmem.paging;

import java.lang.foreign.MemorySegment;

/**
 * A piece of physical memory and where its bytes are.
 *
 * @param start physical, in bytes; a multiple of 8
 * @param bytes native memory: a mapping of a file, or the host's memory of a memslot. If it is writable it is aligned to 8
 * @param presence {@code WRITABLE} only if the segment is; what cannot be read has no bytes that are looked at
 */
public record PhysicalRange(long start, MemorySegment bytes, PhysicalMemory.Presence presence) {
    private static final long MOST = 1L << 52;

    /** Checks the alignment and that it lies within 52 bits of address. */
    public PhysicalRange {
        if (start < 0 || start % Long.BYTES != 0 || start + bytes.byteSize() > MOST || bytes.byteSize() > MOST) {
            throw new IllegalArgumentException(
                    "no physical range: " + bytes.byteSize() + " bytes at 0x" + Long.toHexString(start));
        }
        if (!bytes.isNative()) {
            throw new IllegalArgumentException("the bytes of a physical range are native memory");
        }
        boolean writable = presence == PhysicalMemory.Presence.WRITABLE;
        if (writable && (bytes.isReadOnly() || bytes.address() % Long.BYTES != 0)) {
            throw new IllegalArgumentException(
                    "these bytes cannot be written atomically: 0x" + Long.toHexString(bytes.address()));
        }
    }

    /** A range that can be written if the segment can. */
    public static PhysicalRange of(long start, MemorySegment bytes) {
        boolean writable = !bytes.isReadOnly() && bytes.address() % Long.BYTES == 0;
        return new PhysicalRange(
                start, bytes, writable ? PhysicalMemory.Presence.WRITABLE : PhysicalMemory.Presence.READ_ONLY);
    }

    /** The first address behind it. */
    public long end() {
        return start + bytes.byteSize();
    }
}
