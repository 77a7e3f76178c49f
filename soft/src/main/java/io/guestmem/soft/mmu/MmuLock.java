package io.guestmem.soft.mmu;

import io.guestmem.soft.Schedule;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * {@code mmu_lock}: faults share it, zaps own it. Readers count themselves in stripes of their own, so that faults of different
 * vCPUs do not meet; a waiting writer goes before new readers. Not reentrant.
 */
public final class MmuLock {
    private static final int STRIPES = 64;
    private static final int SPACING = 32;

    private final AtomicIntegerArray readers = new AtomicIntegerArray(STRIPES * SPACING);
    private final ReentrantLock writers = new ReentrantLock();
    private final Schedule schedule;
    private final BooleanSupplier noWriter = this::hasNoWriter;
    private final BooleanSupplier noReader = this::hasNoReader;

    /** Whether somebody owns the lock or waits for readers to leave. Written under {@link #writers}. */
    private volatile boolean writing;

    /** Nobody has it. */
    public MmuLock(Schedule schedule) {
        this.schedule = schedule;
    }

    /**
     * Shares the lock.
     *
     * @param stripe any number; the same for {@link #unlockRead}
     */
    public void lockRead(int stripe) {
        schedule.point(Schedule.Point.LOCK);
        int index = index(stripe);
        while (true) {
            readers.getAndIncrement(index);
            if (!writing) {
                return;
            }
            readers.getAndDecrement(index);
            schedule.await(noWriter);
        }
    }

    /** Shares it no more. */
    public void unlockRead(int stripe) {
        readers.getAndDecrement(index(stripe));
    }

    /** Owns the lock. */
    public void lockWrite() {
        schedule.point(Schedule.Point.LOCK);
        schedule.lock(writers);
        writing = true;
        schedule.await(noReader);
    }

    /** Owns it no more. */
    public void unlockWrite() {
        writing = false;
        writers.unlock();
    }

    private boolean hasNoWriter() {
        return !writing;
    }

    private boolean hasNoReader() {
        for (int stripe = 0; stripe < STRIPES; stripe++) {
            if (readers.get(stripe * SPACING) != 0) {
                return false;
            }
        }
        return true;
    }

    private static int index(int stripe) {
        return (stripe & STRIPES - 1) * SPACING;
    }
}
