package io.guestmem.paging;

/**
 * The EPT pointer of a virtual machine, and what the processor's extended page tables can do.
 *
 * @param value EPTP: bits 51 to 12 are the root, bits 5 to 3 the levels less one, bit 6 switches accessed and dirty bits on
 * @param maxPhysicalAddressBits MAXPHYADDR, in bits: address bits from here on are reserved
 * @param executeOnly IA32_VMX_EPT_VPID_CAP bit 0: pages may be executable without being readable
 * @param gigabytePages IA32_VMX_EPT_VPID_CAP bit 17
 * @param modeBasedExecution the secondary control: bit 10 of an entry permits execution of user pages, bit 2 of the others
 */
public record EptPointer(
        long value,
        int maxPhysicalAddressBits,
        boolean executeOnly,
        boolean gigabytePages,
        boolean modeBasedExecution) {
    private static final int LEVELS_SHIFT = 3;
    private static final int LEVELS_MASK = 7;
    private static final long ACCESSED_AND_DIRTY = 1 << 6;
    private static final long ROOT = 0x000F_FFFF_FFFF_F000L;

    /** Checks that there are four or five levels. */
    public EptPointer {
        int levels = levels(value);
        if (levels != 4 && levels != 5) {
            throw new IllegalArgumentException("EPTP 0x" + Long.toHexString(value) + " asks for " + levels + " levels");
        }
    }

    private static int levels(long value) {
        return 1 + ((int) (value >>> LEVELS_SHIFT) & LEVELS_MASK);
    }

    PagingMode mode() {
        return levels(value) == 5 ? PagingMode.LEVEL_5 : PagingMode.LEVEL_4;
    }

    long root() {
        return value & ROOT;
    }

    boolean accessedAndDirty() {
        return (value & ACCESSED_AND_DIRTY) != 0;
    }
}
