package io.guestmem.soft.host;

import io.guestmem.soft.Schedule;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/** What all address spaces over one {@link FrameTable} share. */
final class Host {
    final Schedule schedule;

    /**
     * The kernel's {@code mmap_lock}, {@code i_mmap_rwsem} and page-table locks in one, for all address spaces: forks, files,
     * poison and swap reach from one into another, and a present page is found without any lock.
     */
    private final ReentrantLock lock = new ReentrantLock();

    /** Guarded by {@link #lock}. */
    final SwapArea swap = new SwapArea();

    /** The open address spaces: the reverse map of anonymous memory, which no operation ever moves. Guarded by {@link #lock}. */
    final List<AddressSpace> spaces = new ArrayList<>();

    Host(Schedule schedule) {
        this.schedule = schedule;
    }

    void lock() {
        schedule.point(Schedule.Point.LOCK);
        schedule.lock(lock);
    }

    void unlock() {
        lock.unlock();
    }
}
