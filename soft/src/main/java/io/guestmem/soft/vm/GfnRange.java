package io.guestmem.soft.vm;

/**
 * Pages of an address space.
 *
 * @param from the first
 * @param to the first behind
 */
record GfnRange(int addressSpace, long from, long to) {
    boolean isEmpty() {
        return from >= to;
    }
}
