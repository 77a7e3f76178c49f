package io.guestmem.kvm;

import io.guestmem.abi.GuestRange;
import java.util.Map;
import java.util.TreeMap;

/** Which ranges of a VM are private: KVM can be told, but not asked. Guarded by its own monitor. */
final class PrivateRanges {
    /** The end of each private range by its start; they neither overlap nor touch. */
    private final TreeMap<Long, Long> ends = new TreeMap<>(Long::compareUnsigned);

    synchronized void set(GuestRange range, boolean isPrivate) {
        long start = range.start().value();
        long end = range.end().value();
        split(start);
        split(end);
        ends.subMap(start, end).clear();
        if (!isPrivate) {
            return;
        }
        Map.Entry<Long, Long> before = ends.lowerEntry(start);
        if (before != null && before.getValue() == start) {
            start = before.getKey();
        }
        Long after = ends.remove(end);
        ends.put(start, after == null ? end : after);
    }

    /** No range reaches over an address any more. */
    private void split(long at) {
        Map.Entry<Long, Long> around = ends.lowerEntry(at);
        if (around != null && Long.compareUnsigned(around.getValue(), at) > 0) {
            ends.put(at, around.getValue());
            ends.put(around.getKey(), at);
        }
    }

    /** The bytes from the start of a range on that have a flavour. */
    synchronized long uniform(GuestRange range, boolean isPrivate) {
        long start = range.start().value();
        Map.Entry<Long, Long> around = ends.floorEntry(start);
        boolean startsPrivate = around != null && Long.compareUnsigned(around.getValue(), start) > 0;
        if (startsPrivate != isPrivate) {
            return 0;
        }
        if (isPrivate) {
            return Math.min(range.size(), around.getValue() - start);
        }
        Long next = ends.higherKey(start);
        return next == null ? range.size() : Math.min(range.size(), next - start);
    }
}
