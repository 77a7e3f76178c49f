package io.guestmem.paging;

/**
 * How to walk, worked out once from a {@link PagingState}. Immutable; thread-safe.
 */
public final class WalkPlan {
    private static final long PAGE_SIZE_BIT = 1L << 7;
    private static final long TABLE_ADDRESS = 0x000F_FFFF_FFFF_F000L;
    private static final long TABLE_ADDRESS_32 = 0xFFFF_F000L;
    private static final long PSE = 1L << 4;
    private static final int PAE_REGISTER_SHIFT = 30;

    private final PagingState state;
    private final PagingMode mode;
    private final ReservedBits reserved;
    private final Permissions permissions;
    private final long root;
    private final int largestLeaf;

    private WalkPlan(PagingState state) {
        this.state = state;
        this.mode = state.mode();
        this.permissions = Permissions.of(state);
        this.reserved = ReservedBits.of(mode, state.features(), permissions.noExecute());
        this.root = state.cr3() & (mode == PagingMode.BITS_32 ? TABLE_ADDRESS_32 : TABLE_ADDRESS);
        this.largestLeaf = switch (mode) {
            case NONE -> 0;
            case BITS_32 -> (state.cr4() & PSE) != 0 ? 2 : 1;
            case PAE -> 2;
            case LEVEL_4, LEVEL_5 -> 3;
        };
    }

    /** The plan for a state. */
    public static WalkPlan of(PagingState state) {
        return new WalkPlan(state);
    }

    /** The paging mode. */
    public PagingMode mode() {
        return mode;
    }

    /** What the plan was made from. */
    public PagingState state() {
        return state;
    }

    /**
     * Whether a linear address is one that can be walked at all: in 64-bit code, bits 63 to 47 (56 with five levels) are
     * equal; in any other code, bits 63 to 32 are zero. A processor answers the first with #GP or #SS; the second cannot occur.
     *
     * @param longCode EFER.LMA and CS.L
     */
    public boolean isValid(long linear, boolean longCode) {
        if (!longCode) {
            return linear >>> 32 == 0;
        }
        int unused = mode == PagingMode.LEVEL_5 ? 64 - 57 : 64 - 48;
        return linear << unused >> unused == linear;
    }

    /**
     * The error code that a processor would deliver with the page fault.
     *
     * @param fault of a walk under this plan with the same access
     */
    public int pageFaultErrorCode(long fault, int access) {
        return WalkResult.errorCode(fault, access, permissions.noExecute() || permissions.smep());
    }

    Permissions permissions() {
        return permissions;
    }

    long root() {
        return root;
    }

    /** The register of PAE paging that an address starts from. */
    long pdpte(long linear) {
        return state.pdptes().get(pdpteIndex(linear));
    }

    long pdpteAddress(long linear) {
        return PdpteRegisters.address(state.cr3(), pdpteIndex(linear));
    }

    private static int pdpteIndex(long linear) {
        return (int) (linear >>> PAE_REGISTER_SHIFT) & 3;
    }

    /** Where the entry for an address is. */
    long entryAddress(long table, long linear, int level) {
        return table + (long) mode.index(linear, level) * mode.entrySize();
    }

    /** Whether an entry maps a page. */
    boolean isLeaf(long entry, int level) {
        return level == 1 || (level <= largestLeaf && (entry & PAGE_SIZE_BIT) != 0);
    }

    /** The reserved bits that an entry has set. */
    long reservedBits(long entry, int level) {
        return entry & (isLeaf(entry, level) ? reserved.leaf(level) : reserved.table(level));
    }

    /** The table that an entry points to. */
    long table(long entry) {
        return entry & TABLE_ADDRESS;
    }

    /** The physical address that a leaf gives a linear one. */
    long physical(long leaf, long linear, int level) {
        long offset = (1L << mode.shift(level)) - 1;
        long page = leaf & TABLE_ADDRESS & ~offset;
        if (mode == PagingMode.BITS_32 && level == 2) {
            page |= (leaf & ReservedBits.range(13, 12 + state.features().pse36Bits())) << (32 - 13);
        }
        return page | (linear & offset);
    }
}
