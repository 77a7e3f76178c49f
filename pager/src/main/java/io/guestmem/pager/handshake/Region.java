package io.guestmem.pager.handshake;

import java.util.Locale;

/**
 * A piece of guest memory.
 *
 * @param hostAddress where it is mapped in the VMM, a multiple of the page size
 * @param size in bytes, a positive multiple of the page size
 * @param offset of its content in the memory file, a multiple of the page size
 * @param pageSize of its mapping in bytes: 4096, or 2097152 on hugetlbfs
 */
public record Region(long hostAddress, long size, long offset, long pageSize) {
    private static final long SMALLEST_PAGE = 4096;
    private static final long LARGEST_PAGE = 1L << 30;
    private static final long ADDRESS_LIMIT = 1L << 57;

    /** Checks alignment, and that no sum overflows. */
    public Region {
        if (Long.bitCount(pageSize) != 1 || pageSize < SMALLEST_PAGE || pageSize > LARGEST_PAGE) {
            throw new HandshakeException("a page size of " + pageSize + " bytes");
        }
        if (size <= 0 || size > ADDRESS_LIMIT || size % pageSize != 0) {
            throw new HandshakeException("a region of " + size + " bytes, which is not a positive number of pages");
        }
        if (hostAddress < 0 || hostAddress > ADDRESS_LIMIT - size || hostAddress % pageSize != 0) {
            throw new HandshakeException(
                    "a region at " + hex(hostAddress) + ", which is no address of a page, or too high");
        }
        if (offset < 0 || offset > Long.MAX_VALUE - size || offset % pageSize != 0) {
            throw new HandshakeException("a region at offset " + hex(offset) + " of the file, which is not a page's");
        }
    }

    /** The first address behind it. */
    public long hostEnd() {
        return hostAddress + size;
    }

    /** The first offset behind it. */
    public long offsetEnd() {
        return offset + size;
    }

    @Override
    public String toString() {
        return hex(hostAddress) + "+" + hex(size);
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value).toLowerCase(Locale.ROOT);
    }
}
