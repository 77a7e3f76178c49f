package io.guestmem.abi;

/** What a process may do with its memory, for {@code mprotect(2)}. */
public enum HostProtection {
    /** {@code PROT_NONE}. */
    NONE,
    /** {@code PROT_READ}. */
    READ,
    /** {@code PROT_READ | PROT_WRITE}. */
    READ_WRITE
}
