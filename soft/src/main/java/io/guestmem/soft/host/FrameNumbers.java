package io.guestmem.soft.host;

import java.util.Map;
import java.util.TreeMap;

/**
 * Which frame numbers are free: the lowest that fit are taken first. Not thread-safe: guarded by the {@link FrameTable}'s
 * monitor.
 */
final class FrameNumbers {
    /** First number to count of each free range below {@link #next}; ranges neither overlap nor touch. */
    private final TreeMap<Long, Long> free = new TreeMap<>();

    /** All numbers from here on are free. */
    private long next;

    FrameNumbers(long first) {
        next = first;
    }

    /** All numbers that were ever taken are below this. */
    long limit() {
        return next;
    }

    long take(long count, long alignment) {
        for (Map.Entry<Long, Long> range : free.entrySet()) {
            long start = range.getKey();
            long end = start + range.getValue();
            long first = start + alignment - 1 & -alignment;
            if (first + count <= end) {
                free.remove(start);
                put(start, first);
                put(first + count, end);
                return first;
            }
        }
        long first = next + alignment - 1 & -alignment;
        put(next, first);
        next = first + count;
        return first;
    }

    void give(long first, long count) {
        long start = first;
        long end = first + count;
        Map.Entry<Long, Long> before = free.floorEntry(first);
        if (before != null && before.getKey() + before.getValue() == first) {
            start = before.getKey();
        }
        Long after = free.remove(end);
        if (after != null) {
            end += after;
        }
        free.remove(start);
        if (end == next) {
            next = start;
        } else {
            put(start, end);
        }
    }

    private void put(long start, long end) {
        if (start < end) {
            free.put(start, end - start);
        }
    }
}
