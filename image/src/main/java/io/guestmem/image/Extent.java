package io.guestmem.image;

/**
 * A range of physical addresses that an image speaks of.
 *
 * @param start in bytes
 * @param end behind the last byte
 */
record Extent(long start, long end) {}
