package io.guestmem.abi;

/**
 * A host-virtual address (hva): of the process that a VM belongs to.
 *
 * @param value unsigned, in bytes
 */
public record HostVirtual(long value) {
    @Override
    public String toString() {
        return "0x" + Long.toHexString(value);
    }
}
