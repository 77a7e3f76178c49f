package io.guestmem.soft.vm;

import java.util.Arrays;

/**
 * Which pages of a VM are private: by gfn, whatever memslots there are. Read without a lock; changed under
 * {@code slots_lock} and {@code mmu_lock} for writing.
 */
final class MemoryAttributes {
    /** Where private ranges begin (even index) and end (odd index), ascending. Replaced as a whole. */
    private volatile long[] bounds = {};

    boolean isPrivate(long gfn) {
        return (boundsUpTo(bounds, gfn) & 1) != 0;
    }

    /** Whether all pages of a range have an attribute. */
    boolean isUniform(long from, long to, boolean isPrivate) {
        long[] now = bounds;
        int before = boundsUpTo(now, from);
        return (before & 1) != 0 == isPrivate && (before == now.length || now[before] >= to);
    }

    /** Where pages end that have the attribute of the first one, at most at the end of the range. */
    long endOfUniform(long from, long to) {
        long[] now = bounds;
        int before = boundsUpTo(now, from);
        return before == now.length ? to : Math.min(to, now[before]);
    }

    /** Whether pages of a range differ from each other. */
    boolean isMixed(long from, long to) {
        return !isUniform(from, to, isPrivate(from));
    }

    void set(long from, long to, boolean isPrivate) {
        long[] old = bounds;
        int first = boundsUpTo(old, from - 1);
        int last = boundsUpTo(old, to);
        boolean before = (first & 1) != 0;
        boolean after = (last & 1) != 0;
        long[] changed = new long[old.length + 2];
        int count = first;
        System.arraycopy(old, 0, changed, 0, first);
        if (before != isPrivate) {
            changed[count++] = from;
        }
        if (after != isPrivate) {
            changed[count++] = to;
        }
        System.arraycopy(old, last, changed, count, old.length - last);
        bounds = Arrays.copyOf(changed, count + old.length - last);
    }

    /** Private ranges: begin and end, begin and end. */
    long[] ranges() {
        return bounds.clone();
    }

    /** How many bounds are at or before a gfn. */
    private static int boundsUpTo(long[] bounds, long gfn) {
        int found = Arrays.binarySearch(bounds, gfn);
        return found >= 0 ? found + 1 : -found - 1;
    }
}
