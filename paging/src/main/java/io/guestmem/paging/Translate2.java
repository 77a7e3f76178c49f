package io.guestmem.paging;

/**
 * {@code KVM_TRANSLATE2} on any memory: the request as it was proposed and never merged, answered in user space.
 *
 * <p>Source: the series 20240910152207.38974-1, its documentation and its code, which differ; translate.md 1.9 and 1.10.
 */
public final class Translate2 {
    /** Which of the two is followed where they differ. */
    public enum Rules {
        /**
         * The documentation: a fault's address is that of the entry, {@code set_bits_succeeded} says what happened, every refused
         * access has a code, and every output is written.
         */
        DOCUMENTED,
        /**
         * The code: a fault's address is that of the table, a valid answer has error code 1, and some outputs stay as the caller
         * left them.
         */
        RFC_EXACT
    }

    private static final int FLAGS = SetBits.ACCESSED | SetBits.DIRTY | SetBits.FORCE_ACCESSED;
    private static final int ACCESS = Access.WRITE | Access.USER | Access.EXECUTE;
    private static final long TABLE = -4096;
    private static final int PDPTE_LEVEL = 3;

    /**
     * What the struct says afterwards.
     *
     * @param valid the address was translated
     * @param address {@code physical_address}
     * @param errorCode 0, or {@link WalkResult#NOT_PRESENT} to {@link WalkResult#INVALID_GPA}
     * @param bitsSet {@code set_bits_succeeded}
     * @param writesAddress otherwise the field keeps what it had, as do those of the next two
     * @param writesErrorCode see there
     * @param writesBitsSet see there
     */
    public record Answer(
            boolean valid,
            long address,
            int errorCode,
            boolean bitsSet,
            boolean writesAddress,
            boolean writesErrorCode,
            boolean writesBitsSet) {
        static Answer of(boolean valid, long address, int errorCode, boolean bitsSet) {
            return new Answer(valid, address, errorCode, bitsSet, true, true, true);
        }
    }

    private final Rules rules;
    private final CheckOrder order;

    /** The documentation's rules, with permissions checked at each level. */
    public static final Translate2 DOCUMENTED = new Translate2(Rules.DOCUMENTED, CheckOrder.PER_LEVEL);

    /** What the series' code does. */
    public static final Translate2 RFC_EXACT = new Translate2(Rules.RFC_EXACT, CheckOrder.SERIES);

    /** Any of the rules with any of the orders. */
    public Translate2(Rules rules, CheckOrder order) {
        this.rules = rules;
        this.order = order;
    }

    /** Whether flags and access make sense; otherwise the request is refused with {@code EINVAL} before anything else. */
    public static boolean isValid(int flags, int access) {
        boolean needsAccessed = (flags & (SetBits.DIRTY | SetBits.FORCE_ACCESSED)) != 0;
        return (!needsAccessed || (flags & SetBits.ACCESSED) != 0)
                && ((flags & SetBits.DIRTY) == 0 || (access & Access.WRITE) != 0)
                && (flags & ~FLAGS) == 0
                && (access & ~ACCESS) == 0;
    }

    /**
     * Answers a request that is valid.
     *
     * @param flags the request's: bits of {@link SetBits}
     * @param access the request's: WRITE, USER and EXECUTE of {@link Access}
     * @param longCode EFER.LMA and CS.L: decides which linear addresses there are
     * @param alignmentCheck RFLAGS.AC
     */
    public Answer answer(Walker walker, long linear, int flags, int access, boolean longCode, boolean alignmentCheck) {
        boolean exact = rules == Rules.RFC_EXACT;
        if (!walker.plan().isValid(linear, longCode)) {
            return new Answer(false, 0, WalkResult.INVALID_GVA, false, !exact, true, !exact);
        }
        long result = walker.walk(linear, access | (alignmentCheck ? Access.ALIGNMENT_CHECK : 0), flags, order);
        boolean bitsSet = flags != 0 && !WalkResult.bitsRefused(result);
        if (WalkResult.isPage(result)) {
            return Answer.of(true, WalkResult.address(result), exact ? WalkResult.NOT_PRESENT : 0, bitsSet);
        }
        return exact
                ? exactFault(walker, result, access, bitsSet)
                : Answer.of(
                        false,
                        WalkResult.address(result),
                        WalkResult.reason(result),
                        bitsSet && (flags & SetBits.FORCE_ACCESSED) != 0);
    }

    private static Answer exactFault(Walker walker, long fault, int access, boolean bitsSet) {
        int reason = WalkResult.reason(fault);
        boolean unbacked = WalkResult.detail(fault) == WalkResult.DETAIL_UNBACKED;
        if (unbacked && reason == WalkResult.NOT_PRESENT) {
            return Answer.of(false, walker.unstored(), reason, bitsSet);
        }
        boolean register = walker.plan().mode() == PagingMode.PAE && WalkResult.level(fault) == PDPTE_LEVEL;
        long address = WalkResult.address(fault) & (register ? -1 : TABLE);
        // The series finds out by the bits of the error code, and a supervisor read has none of W, U and F.
        boolean reported = reason != WalkResult.PRIVILEGE_VIOLATION || access != 0;
        int code = unbacked ? WalkResult.NOT_PRESENT : reason;
        return new Answer(false, address, code, bitsSet, true, reported, true);
    }
}
