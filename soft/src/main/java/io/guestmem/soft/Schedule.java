package io.guestmem.soft;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Where threads may be interleaved: the places at which a race in KVM is won or lost. By default threads run freely; a seeded
 * schedule lets one of them run at a time and so replays a race. Thread-safe.
 */
public interface Schedule {
    /** Threads run freely. */
    Schedule FREE = new Schedule() {
        @Override
        public void point(Point point) {}
    };

    /** The places. */
    enum Point {
        /** A fault has read the invalidation sequence number and has not looked up the page yet. */
        SEQUENCE_READ,
        /** A fault has a page and has not taken {@code mmu_lock} yet. */
        PAGE_LOOKED_UP,
        /** A lock is about to be taken. */
        LOCK,
        /** A stage-2 entry was read and is about to be replaced if it is still the same. */
        BEFORE_EXCHANGE,
        /** A table was taken out of the tree, and its entries are about to be frozen. */
        TABLE_REMOVED,
        /** A new set of memslots is visible, and its readers of the old one may still be at work. */
        SLOTS_PUBLISHED,
        /** Nobody reads the set of memslots any more that was active before; stage-2 entries are still as they were. */
        SLOTS_SETTLED,
        /** An invalidation is open. */
        INVALIDATING,
        /** A wait for somebody else goes on. */
        WAITING,
        /** A host page table entry is about to change. */
        HOST_ENTRY,
        /** KVM has walked a guest's own tables, and is about to set bits in an entry if it is still the same. */
        GUEST_ENTRY
    }

    /** A thread is at one of the places. */
    void point(Point point);

    /** Takes a lock. */
    default void lock(Lock lock) {
        lock.lock();
    }

    /** Waits for a condition that another thread makes true without telling. */
    default void await(BooleanSupplier condition) {
        for (int tries = 0; !condition.getAsBoolean(); tries++) {
            if (tries < 100) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(20_000);
            }
        }
    }
}
