package io.guestmem.paging;

/**
 * What is done with an address: bits to be combined; none of them is a read by the supervisor. The first three are those of
 * {@code KVM_TRANSLATE2}.
 */
public final class Access {
    /** A read by the supervisor. */
    public static final int READ = 0;
    /** A write. */
    public static final int WRITE = 1;
    /** From user mode (CPL 3). */
    public static final int USER = 1 << 1;
    /** An instruction fetch. */
    public static final int EXECUTE = 1 << 2;
    /** Of the processor itself, to a descriptor table or a task state segment: RFLAGS.AC does not excuse it from SMAP. */
    public static final int IMPLICIT = 1 << 3;
    /** RFLAGS.AC is set: SMAP does not hold. */
    public static final int ALIGNMENT_CHECK = 1 << 4;
    /** To a shadow stack (CET): only a page that is one permits it. */
    public static final int SHADOW_STACK = 1 << 5;

    /** How many combinations of the bits there are. */
    static final int COMBINATIONS = 1 << 6;

    private Access() {}
}
