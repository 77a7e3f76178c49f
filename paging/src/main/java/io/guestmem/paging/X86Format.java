package io.guestmem.paging;

/** The entries that CR3 leads to, in all modes, and those of AMD's nested paging. */
final class X86Format implements EntryFormat {
    private static final long PRESENT = 1;
    private static final long ACCESSED = 1 << 5;
    private static final long DIRTY = 1 << 6;
    private static final long PAGE_SIZE_BIT = 1 << 7;
    private static final long PSE = 1L << 4;

    private final ReservedBits reserved;
    private final Permissions permissions;
    private final int largestLeaf;

    X86Format(PagingState state, boolean executeTrap) {
        PagingMode mode = state.mode();
        this.permissions = Permissions.of(state, executeTrap);
        this.reserved = ReservedBits.of(mode, state.features(), permissions.noExecute());
        this.largestLeaf = switch (mode) {
            case NONE -> 0;
            case BITS_32 -> (state.cr4() & PSE) != 0 ? 2 : 1;
            case PAE -> 2;
            case LEVEL_4, LEVEL_5 -> 3;
        };
    }

    Permissions permissions() {
        return permissions;
    }

    ReservedBits reserved() {
        return reserved;
    }

    @Override
    public boolean isPresent(long entry) {
        return (entry & PRESENT) != 0;
    }

    @Override
    public boolean isLeaf(long entry, int level) {
        return level == 1 || (level <= largestLeaf && (entry & PAGE_SIZE_BIT) != 0);
    }

    @Override
    public long reservedBits(long entry, int level) {
        return entry & (isLeaf(entry, level) ? reserved.leaf(level) : reserved.table(level));
    }

    @Override
    public int reservedDetail(long entry) {
        return 0;
    }

    @Override
    public long rights(long entry) {
        return entry ^ Permissions.EXECUTABLE;
    }

    @Override
    public long reportedRights(long rights) {
        return rights;
    }

    @Override
    public int monotoneViolation(int access, long rights) {
        return permissions.monotoneViolation(access, rights);
    }

    @Override
    public int prematureViolation(int access, long rights, boolean data) {
        return permissions.supervisorViolation(access, rights, data);
    }

    @Override
    public int leafViolation(int access, long above, long rights, long leaf, boolean data) {
        return permissions.leafViolation(access, above, rights, leaf, data);
    }

    @Override
    public boolean keyRefuses(int access, long rights, long leaf) {
        return permissions.keyRefuses(access, rights, leaf);
    }

    @Override
    public long accessedBit() {
        return ACCESSED;
    }

    @Override
    public long dirtyBit() {
        return DIRTY;
    }
}
