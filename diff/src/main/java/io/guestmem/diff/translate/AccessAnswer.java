package io.guestmem.diff.translate;

/**
 * What came of an access.
 *
 * @param vector of the exception; {@link #NONE} if there was none
 * @param error its error code
 * @param result CR2 of a page fault; of a read what was read, of a fetch what the instruction left in eax; otherwise 0
 */
public record AccessAnswer(int vector, int error, long result) {
    /** No exception. */
    public static final int NONE = -1;
    /** #GP. */
    public static final int GENERAL_PROTECTION = 13;
    /** #PF. */
    public static final int PAGE_FAULT = 14;

    /** What the guest never writes: it did not come to this case. */
    static final int NOT_REACHED = -2;

    static AccessAnswer done(int result) {
        return new AccessAnswer(NONE, 0, Integer.toUnsignedLong(result));
    }

    static AccessAnswer pageFault(int error, long cr2) {
        return new AccessAnswer(PAGE_FAULT, error, cr2);
    }

    static AccessAnswer generalProtection() {
        return new AccessAnswer(GENERAL_PROTECTION, 0, 0);
    }

    /** What counts of an answer: an error code only with an exception, CR2 only with a page fault. */
    AccessAnswer comparable() {
        return switch (vector) {
            case NONE -> new AccessAnswer(NONE, 0, result);
            case PAGE_FAULT -> this;
            default -> new AccessAnswer(vector, error, 0);
        };
    }

    @Override
    public String toString() {
        return switch (vector) {
            case NONE -> "done, eax 0x" + Long.toHexString(result);
            case PAGE_FAULT ->
                "#PF, error code 0x" + Integer.toHexString(error) + ", CR2 0x" + Long.toHexString(result);
            case GENERAL_PROTECTION -> "#GP, error code 0x" + Integer.toHexString(error);
            case NOT_REACHED -> "not reached";
            default -> "exception " + vector + ", error code 0x" + Integer.toHexString(error);
        };
    }
}
