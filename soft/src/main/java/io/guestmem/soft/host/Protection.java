package io.guestmem.soft.host;

/** What a process may do with a mapping. */
public enum Protection {
    /** {@code PROT_NONE}. */
    NONE,
    /** {@code PROT_READ}. */
    READ,
    /** {@code PROT_READ | PROT_WRITE}. */
    READ_WRITE;

    boolean allows(boolean write) {
        return write ? this == READ_WRITE : this != NONE;
    }
}
