package io.guestmem.paging;

/**
 * A run of neighbouring pages of one size and kind, which are neighbours in physical memory, too.
 *
 * @param linear its first address; sign-extended in the long modes
 * @param physical what that translates to
 * @param size in bytes
 * @param pageSize of its pages, in bytes
 * @param writable whether all levels grant writing
 * @param user whether all levels grant user mode
 * @param executable whether no level forbids execution
 * @param accessed whether the leaves are marked as used
 * @param dirty whether the leaves are marked as written
 */
public record Mapping(
        long linear,
        long physical,
        long size,
        long pageSize,
        boolean writable,
        boolean user,
        boolean executable,
        boolean accessed,
        boolean dirty) {}
