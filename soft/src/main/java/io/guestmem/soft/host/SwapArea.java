package io.guestmem.soft.host;

import java.util.HashMap;
import java.util.Map;

/** The host's swap: pages without frames. Guarded by the host's lock. */
final class SwapArea {
    private static final class Slot {
        final byte[] content;
        int references = 1;

        Slot(byte[] content) {
            this.content = content;
        }
    }

    private final Map<Long, Slot> slots = new HashMap<>();
    private long next = 1;

    /** Stores a page; its slot has one reference. */
    long store(byte[] content) {
        slots.put(next, new Slot(content));
        return next++;
    }

    byte[] content(long slot) {
        return slot(slot).content;
    }

    int references(long slot) {
        return slot(slot).references;
    }

    void retain(long slot) {
        slot(slot).references++;
    }

    void release(long slot) {
        if (--slot(slot).references == 0) {
            slots.remove(slot);
        }
    }

    /** How many pages are swapped out. */
    int size() {
        return slots.size();
    }

    private Slot slot(long number) {
        Slot slot = slots.get(number);
        if (slot == null) {
            throw new IllegalStateException("no swap slot " + number);
        }
        return slot;
    }
}
