package io.guestmem.paging;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Many walks at a time, so that what one waits for does not keep the others waiting: a block of addresses takes each step
 * together. Addresses in ascending order share what they have in common instead. For one thread.
 */
final class BatchWalk {
    /** Between 128 and 512 it does not matter; the scratch stays in the first-level cache. */
    private static final int BLOCK = 256;

    private static final int GRANULE_SHIFT = 21;

    /** Eight bytes of zero, in place of an entry that does not exist: it is not present. */
    private static final MemorySegment NOWHERE = Arena.global().allocate(ValueLayout.JAVA_LONG);

    private final DirectWalk direct;
    private final long[] steps = new long[BLOCK];
    private final long[] entries = new long[BLOCK];
    private final long[] places = new long[BLOCK];

    BatchWalk(DirectWalk direct) {
        this.direct = direct;
    }

    /** Fills in the results of {@code from} up to {@code to}; {@link DirectWalk#FAILED} where the walker is to be asked. The memory is alive. */
    void walk(long[] linear, int from, int to, int access, long[] results) {
        for (int block = from; block < to; block += BLOCK) {
            walkBlock(linear, block, Math.min(to, block + BLOCK), access, results);
        }
    }

    private void walkBlock(long[] linear, int from, int to, int access, long[] results) {
        if (isAscending(linear, from, to)) {
            inOrder(linear, from, to, access, results);
        } else {
            inPhases(linear, from, to, access, results);
        }
    }

    private static boolean isAscending(long[] linear, int from, int to) {
        for (int i = from + 1; i < to; i++) {
            if (linear[i] < linear[i - 1]) {
                return false;
            }
        }
        return true;
    }

    private void inPhases(long[] linear, int from, int to, int access, long[] results) {
        int count = to - from;
        for (int i = 0; i < count; i++) {
            steps[i] = direct.upper(linear[from + i]);
            places[i] = somewhere(direct.placeOfMiddle(steps[i]));
        }
        gather(count);
        for (int i = 0; i < count; i++) {
            steps[i] = direct.middle(linear[from + i], steps[i], entries[i]);
            places[i] = somewhere(direct.placeOfLowest(linear[from + i], steps[i]));
        }
        gather(count);
        for (int i = 0; i < count; i++) {
            results[from + i] = direct.lowest(linear[from + i], steps[i], entries[i], access);
        }
    }

    /** The reads that may have to wait for memory, and nothing else: the less there is between them, the more wait together. */
    private void gather(int count) {
        for (int i = 0; i < count; i++) {
            entries[i] = RawMemory.read64(places[i]);
        }
    }

    private long somewhere(long place) {
        return place == 0 ? NOWHERE.address() : place;
    }

    private void inOrder(long[] linear, int from, int to, int access, long[] results) {
        long last = ~(linear[from] >>> GRANULE_SHIFT);
        long middle = 0;
        for (int i = from; i < to; i++) {
            long granule = linear[i] >>> GRANULE_SHIFT;
            if (granule != last) {
                last = granule;
                long upper = direct.upper(linear[i]);
                middle = direct.middle(linear[i], upper, DirectWalk.read(direct.placeOfMiddle(upper)));
            }
            long pte = DirectWalk.read(direct.placeOfLowest(linear[i], middle));
            results[i] = direct.lowest(linear[i], middle, pte, access);
        }
    }
}
