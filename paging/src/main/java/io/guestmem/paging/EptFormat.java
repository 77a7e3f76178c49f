package io.guestmem.paging;

/**
 * The entries of Intel's extended page tables.
 *
 * <pre>{@code
 *   63         52 51        M M-1        12 11  10   9 8  7   6   5 .. 3      2 1 0
 *   ignored       reserved    address          XU    D A  PS  IPAT memory type X W R
 * }</pre>
 *
 * <p>XU counts with mode-based execute control, A and D if EPTP bit 6 is set. Source: Intel SDM volume 3, 30.3.2 and 30.3.3;
 * Linux 7.2 {@code mmu.c:__reset_rsvds_bits_mask_ept}.
 */
final class EptFormat implements EntryFormat {
    static final long READABLE = 1;
    static final long WRITABLE = 1 << 1;
    static final long EXECUTABLE = 1 << 2;
    static final long USER_EXECUTABLE = 1 << 10;

    private static final long ACCESSED = 1 << 8;
    private static final long DIRTY = 1 << 9;
    private static final long PAGE_SIZE_BIT = 1 << 7;
    private static final int MEMORY_TYPE_SHIFT = 3;
    private static final int MEMORY_TYPE_MASK = 7;
    /** Of the eight memory types, a bit for each that does not exist: 2, 3 and 7. */
    private static final int NO_MEMORY_TYPES = 1 << 2 | 1 << 3 | 1 << 7;

    private static final int LARGEST_LEAF = 3;

    private final EptPointer pointer;
    private final long executable;
    private final long high;

    EptFormat(EptPointer pointer) {
        this.pointer = pointer;
        this.executable = EXECUTABLE | (pointer.modeBasedExecution() ? USER_EXECUTABLE : 0);
        this.high = ReservedBits.range(pointer.maxPhysicalAddressBits(), 51);
    }

    @Override
    public boolean isPresent(long entry) {
        return (entry & (READABLE | WRITABLE | executable)) != 0;
    }

    @Override
    public boolean isLeaf(long entry, int level) {
        return level == 1 || (level <= LARGEST_LEAF && (entry & PAGE_SIZE_BIT) != 0);
    }

    @Override
    public long reservedBits(long entry, int level) {
        int detail = reservedDetail(entry);
        if (detail == WalkResult.DETAIL_WRITE_ONLY || detail == WalkResult.DETAIL_EXECUTE_ONLY) {
            return entry & (WRITABLE | executable);
        }
        if (!isLeaf(entry, level)) {
            return entry & (high | ReservedBits.range(3, level > LARGEST_LEAF ? 7 : 6));
        }
        if (hasNoMemoryType(entry)) {
            return ReservedBits.range(3, 5);
        }
        boolean unknownSize = level == LARGEST_LEAF && !pointer.gigabytePages();
        long size = level == 1 ? 0 : ReservedBits.range(12, 11 + 9 * (level - 1));
        return entry & (high | size | (unknownSize ? PAGE_SIZE_BIT : 0));
    }

    @Override
    public int reservedDetail(long entry) {
        if ((entry & READABLE) == 0) {
            if ((entry & WRITABLE) != 0) {
                return WalkResult.DETAIL_WRITE_ONLY;
            }
            if (!pointer.executeOnly()) {
                return WalkResult.DETAIL_EXECUTE_ONLY;
            }
        }
        return hasNoMemoryType(entry) ? WalkResult.DETAIL_MEMORY_TYPE : 0;
    }

    private static boolean hasNoMemoryType(long entry) {
        return ((NO_MEMORY_TYPES >>> ((entry >>> MEMORY_TYPE_SHIFT) & MEMORY_TYPE_MASK)) & 1) != 0;
    }

    @Override
    public long rights(long entry) {
        return entry;
    }

    @Override
    public long reportedRights(long rights) {
        long forUserMode = pointer.modeBasedExecution() ? USER_EXECUTABLE : EXECUTABLE;
        return (rights & WRITABLE)
                | ((rights & forUserMode) != 0 ? Permissions.USER : 0)
                | ((rights & EXECUTABLE) != 0 ? Permissions.EXECUTABLE : 0);
    }

    @Override
    public int monotoneViolation(int access, long rights) {
        boolean fetch = (access & Access.EXECUTE) != 0;
        boolean write = (access & Access.WRITE) != 0;
        if (write && (rights & WRITABLE) == 0) {
            return WalkResult.DETAIL_WRITE;
        }
        if (!fetch && !write && (rights & READABLE) == 0) {
            return WalkResult.DETAIL_READ;
        }
        boolean userPage = (access & Access.USER) != 0 && pointer.modeBasedExecution();
        return fetch && (rights & (userPage ? USER_EXECUTABLE : EXECUTABLE)) == 0 ? WalkResult.DETAIL_EXECUTE : 0;
    }

    @Override
    public int prematureViolation(int access, long rights, boolean data) {
        return 0;
    }

    @Override
    public int leafViolation(int access, long above, long rights, long leaf, boolean data) {
        return 0;
    }

    @Override
    public boolean keyRefuses(int access, long rights, long leaf) {
        return false;
    }

    @Override
    public long accessedBit() {
        return pointer.accessedAndDirty() ? ACCESSED : 0;
    }

    @Override
    public long dirtyBit() {
        return pointer.accessedAndDirty() ? DIRTY : 0;
    }
}
