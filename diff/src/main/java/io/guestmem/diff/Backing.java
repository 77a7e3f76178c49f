package io.guestmem.diff;

import io.guestmem.abi.HostMemoryKind;
import java.util.List;
import org.jspecify.annotations.Nullable;

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

    private static final List<Backing> ALL = List.of(values());

    private final HostMemoryKind kind;
    private final long length;

    Backing(HostMemoryKind kind, long length) {
        this.kind = kind;
        this.length = length;
    }

    /** The memory of a position; null if there is none. */
    static @Nullable Backing at(long position) {
        return position >= 0 && position < ALL.size() ? ALL.get((int) position) : null;
    }

    /** The bytes of the memory of a position; 0 if there is none. */
    static long length(long position) {
        Backing found = at(position);
        return found == null ? 0 : found.length;
    }

    /** How many there are. */
    static int count() {
        return ALL.size();
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
