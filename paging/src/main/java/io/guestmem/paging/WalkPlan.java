package io.guestmem.paging;

import org.jspecify.annotations.Nullable;

/**
 * How to walk, worked out once from a {@link PagingState}. Immutable; thread-safe.
 */
public final class WalkPlan {
    static final long TABLE_ADDRESS = 0x000F_FFFF_FFFF_F000L;
    private static final long TABLE_ADDRESS_32 = 0xFFFF_F000L;
    private static final int PAE_REGISTER_SHIFT = 30;

    private final PagingState state;
    private final PagingMode mode;
    private final EntryFormat format;
    private final boolean fetchIsReported;
    private final boolean registersInMemory;
    private final long root;
    /** Made when a walker in mapped memory first asks; two threads may both make it. */
    private @Nullable DirectRules directRules;

    private WalkPlan(PagingState state, boolean registersInMemory, boolean executeTrap) {
        X86Format x86 = new X86Format(state, executeTrap);
        this.state = state;
        this.mode = state.mode();
        this.format = x86;
        this.fetchIsReported =
                x86.permissions().noExecute() || x86.permissions().smep();
        this.registersInMemory = registersInMemory;
        this.root = state.cr3() & (mode == PagingMode.BITS_32 ? TABLE_ADDRESS_32 : TABLE_ADDRESS);
    }

    private WalkPlan(EptPointer pointer, PagingState state) {
        this.state = state;
        this.mode = pointer.mode();
        this.format = new EptFormat(pointer);
        this.fetchIsReported = true;
        this.registersInMemory = false;
        this.root = pointer.root();
    }

    /** The plan for a state. */
    public static WalkPlan of(PagingState state) {
        return new WalkPlan(state, false, false);
    }

    /** Nested paging reads the registers of PAE paging from memory on each walk. Source: AMD APM volume 2, 15.25.10. */
    static WalkPlan nested(PagingState host, boolean executeTrap) {
        return new WalkPlan(host, true, executeTrap);
    }

    static WalkPlan extended(EptPointer pointer) {
        PagingFeatures features =
                new PagingFeatures(pointer.maxPhysicalAddressBits(), false, pointer.gigabytePages(), 0);
        return new WalkPlan(pointer, new PagingState(0, pointer.root(), 0, 0, PdpteRegisters.NONE, 0, features));
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
        return WalkResult.errorCode(fault, access, fetchIsReported);
    }

    EntryFormat format() {
        return format;
    }

    /** Null if these walks have to be made entry by entry. */
    @Nullable
    DirectRules directRules() {
        DirectRules rules = directRules;
        if (rules == null) {
            rules = DirectRules.of(this);
            directRules = rules;
        }
        return rules;
    }

    /** The root table; in PAE paging the page that the registers are in. */
    long root() {
        return root;
    }

    boolean registersInMemory() {
        return registersInMemory;
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

    /** The table that an entry points to. */
    long table(long entry) {
        return entry & TABLE_ADDRESS;
    }

    /** The physical page that a leaf maps. */
    long page(long leaf, int level) {
        long page = leaf & TABLE_ADDRESS & -(1L << mode.shift(level));
        if (mode == PagingMode.BITS_32 && level == 2) {
            page |= (leaf & ReservedBits.range(13, 12 + state.features().pse36Bits())) << (32 - 13);
        }
        return page;
    }

    /** The physical address that a leaf gives a linear one. */
    long physical(long leaf, long linear, int level) {
        return page(leaf, level) | (linear & ((1L << mode.shift(level)) - 1));
    }
}
