package io.guestmem.linux;

/**
 * A range of another process's address space.
 *
 * @param address of the first byte
 * @param length in bytes
 */
public record RemoteRange(long address, long length) {
    @Override
    public String toString() {
        return "0x" + Long.toHexString(address) + "+0x" + Long.toHexString(length);
    }
}
