package io.guestmem.paging;

/**
 * Physical memory as a page walk sees it: a live VM, the software kernel's guest, or an image. Addresses are physical, in
 * bytes; entries are little-endian and naturally aligned.
 *
 * <p>Nothing is thrown for memory that is not there: a walk runs over whatever a guest wrote, and asks first.
 */
public interface PhysicalMemory {
    /** What can be done with the page table page at an address. */
    enum Presence {
        /** There is no memory at this address: for KVM, no visible memslot. */
        NONE,
        /** There is an address, and nothing behind it: for KVM, the host memory of the slot is not mapped. */
        UNBACKED,
        /** There was memory, and the dump left it out: a page that makedumpfile filtered, or a part of a file that is cut off. */
        EXCLUDED,
        /** It can be read, and writes to it are dropped: a read-only memslot. */
        READ_ONLY,
        /** It can be read and written. */
        WRITABLE;

        /** Whether the page can be read. */
        public boolean isReadable() {
            return this == READ_ONLY || this == WRITABLE;
        }
    }

    /** What is at the page of an address. */
    Presence presence(long address);

    /** Reads 8 bytes; only where {@link #presence} says that it can be read. */
    long read64(long address);

    /** Reads 4 bytes; only where {@link #presence} says that it can be read. */
    int read32(long address);

    /**
     * Replaces 8 bytes if they are still as expected, atomically.
     *
     * @return whether they were
     */
    boolean compareAndSet64(long address, long expected, long replacement);

    /**
     * Replaces 4 bytes if they are still as expected, atomically.
     *
     * @return whether they were
     */
    boolean compareAndSet32(long address, int expected, int replacement);

    /**
     * Reads a whole page of 512 longs; only where {@link #presence} says that it can be read.
     *
     * @param address a multiple of 4096
     */
    default void readPage(long address, long[] into) {
        for (int i = 0; i < into.length; i++) {
            into[i] = read64(address + (long) i * Long.BYTES);
        }
    }
}
