package io.guestmem.paging;

/** When permissions are checked: it decides which of two faults at different levels is reported. */
public enum CheckOrder {
    /**
     * After the walk, on what all levels grant together: an entry that is not present or has reserved bits wins over every
     * violation. So do processors and KVM's own walker.
     */
    ARCHITECTURAL,
    /**
     * At every level, as the {@code KVM_TRANSLATE2} series does: the walk ends at the first level that does not grant what is
     * asked for. Only what no lower level can repair is checked early: writing, user mode and execution; SMEP, SMAP and
     * protection keys depend on the leaf and are checked there.
     */
    PER_LEVEL,
    /**
     * As the series' code does it: at every level, SMEP and SMAP too, by the rights that the levels so far grant; so a user bit
     * in an upper entry refuses the supervisor a page that is not the user's. The series reads the protection key before it is
     * set; here it is the leaf's. With {@link SetBits#FORCE_ACCESSED}, an entry that changes ends the setting of bits and not
     * the walk.
     */
    SERIES
}
