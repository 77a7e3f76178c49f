package io.guestmem.linux;

/** What a mapping allows. Source of the numbers: Linux 6.12 {@code asm-generic/mman-common.h}. */
public enum Protection {
    /** {@code PROT_NONE}. */
    NONE(0),
    /** {@code PROT_READ}. */
    READ(1),
    /** {@code PROT_READ | PROT_WRITE}. */
    READ_WRITE(3);

    private final int flags;

    Protection(int flags) {
        this.flags = flags;
    }

    int flags() {
        return flags;
    }
}
