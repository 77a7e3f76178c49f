package io.guestmem.linux;

/**
 * A range of an address space that need not be this process's.
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
