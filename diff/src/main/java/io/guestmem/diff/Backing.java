package io.guestmem.diff;

import io.guestmem.abi.HostMemoryKind;

/** The memory of the process that a sequence has, by position. Everything begins at a multiple of 2 MiB. */
public enum Backing {
    /** Anonymous, large enough for huge pages. */
    ANONYMOUS(HostMemoryKind.PRIVATE_ANONYMOUS, 4 << 20),
    /** A memfd, shared. */
    SHARED(HostMemoryKind.SHARED_MEMFD, 64 << 12),
    /** A memfd, private. */
    PRIVATE_FILE(HostMemoryKind.PRIVATE_FILE, 64 << 12),
    /** Anonymous, too small for huge pages. */
    SMALL(HostMemoryKind.PRIVATE_ANONYMOUS, 64 << 12);

    private final HostMemoryKind kind;
    private final long length;

    Backing(HostMemoryKind kind, long length) {
        this.kind = kind;
        this.length = length;
    }

    /** How it is mapped. */
    public HostMemoryKind kind() {
        return kind;
    }

    /** In bytes. */
    public long length() {
        return length;
    }
}
