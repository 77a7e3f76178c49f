package io.guestmem.paging;

/**
 * A run of neighbouring pages of a second stage, of one size and kind, which are neighbours in the host's memory, too.
 *
 * @param guestPhysical its first address in the guest's physical memory
 * @param physical where that is in the host's
 * @param size in bytes
 * @param pageSize of its pages, in bytes; a part that was asked for may have less of one
 * @param readable whether all levels grant reading
 * @param writable whether all levels grant writing
 * @param executable whether the guest's supervisor may execute it
 * @param userExecutable whether the guest's user mode may: not the same with mode-based execution (EPT) and with GMET (NPT)
 * @param accessed whether the leaves are marked as used
 * @param dirty whether the leaves are marked as written
 */
public record StageMapping(
        long guestPhysical,
        long physical,
        long size,
        long pageSize,
        boolean readable,
        boolean writable,
        boolean executable,
        boolean userExecutable,
        boolean accessed,
        boolean dirty) {}
