package io.guestmem.paging;

/**
 * Pointers with metadata in their upper bits: what a processor strips from the address of a data access in 64-bit code before
 * it translates. A walk takes linear addresses, which have none.
 *
 * <p>Source: Intel SDM volume 1, 3.3.7.2 (linear-address masking); AMD APM volume 2, 5.10 (upper address ignore).
 */
public final class PointerTags {
    private static final long CR3_LAM_U57 = 1L << 61;
    private static final long CR3_LAM_U48 = 1L << 62;
    private static final long CR4_LA57 = 1L << 12;
    private static final long CR4_LAM_SUP = 1L << 28;
    private static final long EFER_UAIE = 1L << 20;
    private static final int SIGN_48 = 47;
    private static final int SIGN_57 = 56;

    private PointerTags() {}

    /**
     * The linear address that a pointer stands for. It may still be one that is not canonical; see {@link WalkPlan#isValid}.
     *
     * <p>With masking, bits 62 to 48 or 62 to 57 become the bit below them and bit 63 stays: which of them is a matter of CR3 for
     * user pointers (bit 63 clear), and of CR4 for the supervisor's. With upper address ignore, bits 63 to 57 become bit 56.
     */
    public static long untag(long pointer, long cr3, long cr4, long efer) {
        if ((efer & EFER_UAIE) != 0) {
            return (pointer << (63 - SIGN_57)) >> (63 - SIGN_57);
        }
        if (pointer < 0) {
            return (cr4 & CR4_LAM_SUP) == 0 ? pointer : mask(pointer, (cr4 & CR4_LA57) != 0 ? SIGN_57 : SIGN_48);
        }
        if ((cr3 & CR3_LAM_U57) != 0) {
            return mask(pointer, SIGN_57);
        }
        return (cr3 & CR3_LAM_U48) != 0 ? mask(pointer, SIGN_48) : pointer;
    }

    private static long mask(long pointer, int sign) {
        long extended = (pointer << (63 - sign)) >> (63 - sign);
        return (extended & Long.MAX_VALUE) | (pointer & Long.MIN_VALUE);
    }
}
