package io.guestmem.conform;

import io.guestmem.conform.ModelInspection.Pause;
import io.guestmem.soft.Schedule;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** A schedule of the software kernel's threads in which a check can stop the next thread that comes to a point. Thread-safe. */
final class SoftPauses implements Schedule {
    private final Schedule threads;
    private final AtomicReference<@Nullable PointPause> armed = new AtomicReference<>();
    private final AtomicReference<@Nullable Runnable> beforeGuestEntry = new AtomicReference<>();

    /** The pauses in a schedule that decides everything else. */
    SoftPauses(Schedule threads) {
        this.threads = threads;
    }

    /** Stops the next thread at a point, in place of a pause that was asked for before and that nobody has come to. */
    Pause next(Point point) {
        PointPause pause = new PointPause(point);
        armed.set(pause);
        return pause;
    }

    /** Runs something once, on the next thread that is about to set bits in a guest's own tables. */
    void beforeNextGuestEntry(Runnable change) {
        beforeGuestEntry.set(change);
    }

    @Override
    public void point(Point point) {
        threads.point(point);
        PointPause pause = armed.get();
        if (pause != null && pause.at == point && armed.compareAndSet(pause, null)) {
            pause.stop();
        }
        if (point == Point.GUEST_ENTRY) {
            Runnable change = beforeGuestEntry.getAndSet(null);
            if (change != null) {
                change.run();
            }
        }
    }

    @Override
    public void lock(Lock lock) {
        threads.lock(lock);
    }

    @Override
    public void await(BooleanSupplier condition) {
        threads.await(condition);
    }

    private final class PointPause implements Pause {
        private final Point at;
        private final CountDownLatch arrived = new CountDownLatch(1);
        private final CountDownLatch ended = new CountDownLatch(1);

        PointPause(Point at) {
            this.at = at;
        }

        /** On the thread that is stopped. */
        void stop() {
            arrived.countDown();
            await(ended, "the end of the pause at " + at);
        }

        @Override
        public void await() {
            await(arrived, "a thread at " + at);
        }

        private static void await(CountDownLatch latch, String what) {
            try {
                if (!latch.await(Background.LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                    throw new MismatchException("pause", what, "nothing");
                }
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while waiting for " + what, interrupted);
            }
        }

        @Override
        public void close() {
            armed.compareAndSet(this, null);
            ended.countDown();
        }
    }
}
