package io.guestmem.abi;

/**
 * A guest-physical address (gpa).
 *
 * @param value unsigned, in bytes
 */
public record GuestPhysical(long value) implements Comparable<GuestPhysical> {
    /** The size of the smallest page in bytes. */
    public static final long PAGE_SIZE = 4096;

    /** The guest frame number: the address divided by the page size. */
    public long gfn() {
        return value >>> 12;
    }

    /** Whether it is the first byte of a page. */
    public boolean isPageAligned() {
        return (value & (PAGE_SIZE - 1)) == 0;
    }

    @Override
    public int compareTo(GuestPhysical other) {
        return Long.compareUnsigned(value, other.value);
    }

    @Override
    public String toString() {
        return "0x" + Long.toHexString(value);
    }
}
