package io.guestmem.image;

/**
 * A root of page tables, for CR3.
 *
 * @param address physical, a multiple of 4096
 * @param fiveLevels whether its tables have five levels, otherwise four
 * @param source how it was found, in words
 */
public record PageTableRoot(long address, boolean fiveLevels, String source) {}
