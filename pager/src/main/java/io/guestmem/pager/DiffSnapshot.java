package io.guestmem.pager;

/**
 * What was written of a guest's dirty pages.
 *
 * @param pages all of them
 * @param zeroPages those of them that the guest had given back, and that are zero
 * @param cutMicros for how long the guest's faults waited while the moment was fixed, in microseconds
 */
public record DiffSnapshot(long pages, long zeroPages, long cutMicros) {}
