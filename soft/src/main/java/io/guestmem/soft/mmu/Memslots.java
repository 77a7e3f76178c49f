package io.guestmem.soft.mmu;

import io.guestmem.soft.Schedule;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The active sets of memslots, one for each address space. Read without a lock, inside a section of {@link #readers}; changed
 * under the VM's {@code slots_lock}.
 */
public final class Memslots {
    private final AtomicReferenceArray<MemslotSet> active;
    private final ReadSections readers;
    private final Schedule schedule;

    /** Excludes publication from the start of an invalidation. */
    private final ReentrantLock notifierLock = new ReentrantLock();

    /** Invalidations of the host that have started and not ended. Guarded by {@link #notifierLock}. */
    private int activeNotifiers;

    /** Empty sets. */
    public Memslots(int addressSpaces, Schedule schedule) {
        this.schedule = schedule;
        this.readers = new ReadSections(schedule);
        this.active = new AtomicReferenceArray<>(addressSpaces);
        for (int i = 0; i < addressSpaces; i++) {
            active.set(i, MemslotSet.empty(i));
        }
    }

    /** Who reads sets: {@code kvm->srcu}. */
    public ReadSections readers() {
        return readers;
    }

    /** The number of address spaces. */
    public int addressSpaces() {
        return active.length();
    }

    /** The active set of an address space. */
    public MemslotSet active(int addressSpace) {
        return active.get(addressSpace);
    }

    /**
     * Makes a changed set active: waits until no invalidation of the host is under way, then until nobody uses the set before.
     *
     * @return the new generation
     */
    public long publish(int addressSpace, MemslotSet set) {
        while (true) {
            schedule.lock(notifierLock);
            try {
                if (activeNotifiers == 0) {
                    active.set(addressSpace, set);
                    break;
                }
            } finally {
                notifierLock.unlock();
            }
            schedule.await(() -> !isNotifierActive());
        }
        schedule.point(Schedule.Point.SLOTS_PUBLISHED);
        readers.synchronize();
        schedule.point(Schedule.Point.SLOTS_SETTLED);
        set.published(active.length());
        return set.generation();
    }

    /** The host starts an invalidation: no set is published until it ends. */
    public void notifierStarts() {
        schedule.lock(notifierLock);
        activeNotifiers++;
        notifierLock.unlock();
    }

    /** The host has ended an invalidation. */
    public void notifierEnds() {
        schedule.lock(notifierLock);
        activeNotifiers--;
        notifierLock.unlock();
    }

    private boolean isNotifierActive() {
        schedule.lock(notifierLock);
        try {
            return activeNotifiers != 0;
        } finally {
            notifierLock.unlock();
        }
    }
}
