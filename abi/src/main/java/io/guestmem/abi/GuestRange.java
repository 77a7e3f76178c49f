package io.guestmem.abi;

/**
 * A range of guest-physical memory. Nothing is checked here: a range that KVM refuses can be written down, so that its
 * refusal can be seen.
 *
 * @param start the first byte
 * @param size in bytes
 */
public record GuestRange(GuestPhysical start, long size) {
    /**
     * A range from plain numbers.
     *
     * @param gpa the first byte
     * @param size in bytes
     */
    public static GuestRange of(long gpa, long size) {
        return new GuestRange(new GuestPhysical(gpa), size);
    }

    /** The first byte behind the range. */
    public GuestPhysical end() {
        return new GuestPhysical(start.value() + size);
    }

    @Override
    public String toString() {
        return start + "+0x" + Long.toHexString(size);
    }
}
