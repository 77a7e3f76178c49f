package io.guestmem.diff.translate;

import io.guestmem.paging.Access;

/** What the guest does with an address. */
enum AccessKind {
    /** Reads 4 bytes. */
    READ(Access.READ),
    /** Writes 4 bytes. */
    WRITE(Access.WRITE),
    /** Jumps there. */
    FETCH(Access.EXECUTE),
    /** Loads a segment register whose descriptor is there: the processor's own read, whoever made it. */
    SEGMENT_LOAD(Access.IMPLICIT);

    private static final AccessKind[] ALL = values();

    private final int access;

    AccessKind(int access) {
        this.access = access;
    }

    static AccessKind at(int position) {
        return ALL[position];
    }

    /** The bits of {@link Access} for a case of the user or of the supervisor. */
    int access(boolean user) {
        return access | (user && this != SEGMENT_LOAD ? Access.USER : 0);
    }

    /** Whether it needs a word of data there: an instruction, and a descriptor. */
    boolean needsData() {
        return this == FETCH || this == SEGMENT_LOAD;
    }
}
