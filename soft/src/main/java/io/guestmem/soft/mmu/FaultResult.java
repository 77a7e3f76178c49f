package io.guestmem.soft.mmu;

/**
 * How a step of a fault ended, as a number, so that nothing is allocated: one of these, or a negated errno. Source: Linux 7.2
 * {@code mmu_internal.h}.
 */
public final class FaultResult {
    /** The next step follows. */
    public static final int CONTINUE = 0;
    /** Something changed meanwhile: the fault starts again. */
    public static final int RETRY = 1;
    /** The access must be emulated: there is no memslot, or it is read-only. */
    public static final int EMULATE = 2;
    /** The entry stays write-protected. */
    public static final int WRITE_PROTECTED = 3;
    /** Not handled here. */
    public static final int INVALID = 4;
    /** A mapping was made. */
    public static final int FIXED = 5;
    /** The mapping was there already. */
    public static final int SPURIOUS = 6;

    private FaultResult() {}
}
