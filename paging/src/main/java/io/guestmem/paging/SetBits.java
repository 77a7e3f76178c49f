package io.guestmem.paging;

/**
 * What a walk changes in the tables: bits to be combined; they are those of {@code KVM_TRANSLATE2}.
 *
 * <p>A bit is set by compare-and-set against the value that the walk went by; if the entry has changed, the whole walk starts
 * anew. The registers of PAE paging have no such bits.
 */
public final class SetBits {
    /** Nothing. */
    public static final int NONE = 0;
    /** Accessed in every entry of a walk that succeeds. */
    public static final int ACCESSED = 1;
    /** With {@link #ACCESSED}: Dirty too, in the leaf only, if the access is a write. */
    public static final int DIRTY = 1 << 1;
    /** With {@link #ACCESSED}: also when the walk fails, in the entries above the one at fault. */
    public static final int FORCE_ACCESSED = 1 << 2;

    private SetBits() {}
}
