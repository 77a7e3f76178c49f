package io.guestmem.diff;

/** What a guest does with memory. */
public enum GuestAccess {
    /** Reads 8 bytes each time, and adds them up. */
    READ,
    /** Writes 8 bytes each time: {@link GuestCode#WORD}. */
    WRITE,
    /** Reads 8 bytes, adds to them and writes them back, in two instructions: some processors fault once for a single one, some twice. */
    ADD,
    /** Jumps there. */
    FETCH
}
