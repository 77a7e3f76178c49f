package io.guestmem.paging;

/**
 * How the entries of one kind of table are read. All kinds share the geometry of a {@link PagingMode} and the address field.
 *
 * <p>Rights are whatever the format says; only it compares them. They are combined by AND over the levels.
 */
sealed interface EntryFormat permits X86Format, EptFormat {
    boolean isPresent(long entry);

    /** Whether a present entry maps a page. */
    boolean isLeaf(long entry, int level);

    /** The reserved bits that a present entry has set; of a combination that is reserved, its bits. */
    long reservedBits(long entry, int level);

    /** What is reserved about an entry: a detail of {@link WalkResult}, 0 if single bits are. */
    int reservedDetail(long entry);

    long rights(long entry);

    /**
     * What a result of the walk says about rights, in the bits of {@link Permissions}; of extended page tables USER says whether user
     * mode may execute, and EXECUTABLE whether the supervisor may.
     */
    long reportedRights(long rights);

    /** What no lower level can repair: a detail of {@link WalkResult}, 0 if nothing is violated. */
    int monotoneViolation(int access, long rights);

    /** What the series checks on the way, although lower levels can repair it. */
    int prematureViolation(int access, long rights, boolean data);

    /** What depends on the leaf, with the rights that the entries above it grant, and those of all. */
    int leafViolation(int access, long above, long rights, long leaf, boolean data);

    /** Whether the leaf's protection key refuses a data access. */
    boolean keyRefuses(int access, long rights, long leaf);

    /** The bit that says that an entry was used; 0 if there is none. */
    long accessedBit();

    /** The bit that says that a page was written; 0 if there is none. */
    long dirtyBit();
}
