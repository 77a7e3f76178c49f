package io.guestmem.soft;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs tasks on threads of their own, one at a time, and lets a random number decide at every point who goes on: one seed gives
 * one order, so that a race can be replayed. Threads that are not its own run freely.
 *
 * <p>One {@link #run} at a time.
 */
public final class SeededSchedule implements Schedule {
    private static final int STEP_LIMIT = 10_000_000;

    private static final ThreadLocal<@Nullable Task> CURRENT = new ThreadLocal<>();

    private Random random;

    /** The tasks that have not ended. Used by the task whose turn it is. */
    private final List<Task> alive = new ArrayList<>();

    private int steps;

    /** A schedule that the seed decides. */
    public SeededSchedule(long seed) {
        this.random = new Random(seed);
    }

    /** The next run follows from another seed; not while one is under way. */
    public void reseed(long seed) {
        random = new Random(seed);
    }

    private static final class Task {
        private final SeededSchedule owner;
        private final Runnable body;
        private final Semaphore turn = new Semaphore(0);
        private @Nullable Throwable failure;

        Task(SeededSchedule owner, Runnable body) {
            this.owner = owner;
            this.body = body;
        }
    }

    /**
     * Runs tasks until all have ended.
     *
     * @throws IllegalStateException if they wait for each other for ever, or one has failed: the cause is its failure
     */
    public void run(List<Runnable> bodies) {
        List<Task> tasks = bodies.stream().map(body -> new Task(this, body)).toList();
        alive.addAll(tasks);
        steps = 0;
        List<Thread> threads = new ArrayList<>();
        for (Task task : tasks) {
            threads.add(Thread.ofPlatform().name("scheduled " + threads.size()).start(() -> live(task)));
        }
        if (!alive.isEmpty()) {
            pick(alive).turn.release();
        }
        for (Thread thread : threads) {
            join(thread);
        }
        for (Task task : tasks) {
            if (task.failure != null) {
                throw new IllegalStateException("a task has failed: " + task.failure, task.failure);
            }
        }
    }

    private void live(Task task) {
        CURRENT.set(task);
        task.turn.acquireUninterruptibly();
        try {
            task.body.run();
        } catch (RuntimeException | Error failed) { // told by run
            task.failure = failed;
        } finally {
            alive.remove(task);
            if (!alive.isEmpty()) {
                pick(alive).turn.release();
            }
        }
    }

    private static void join(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException _) { // passed on below
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** The calling thread's task; null if it is not one of this schedule. */
    private @Nullable Task self() {
        Task task = CURRENT.get();
        return task != null && task.owner == this ? task : null;
    }

    private Task pick(List<Task> from) {
        return from.get(random.nextInt(from.size()));
    }

    @Override
    public void point(Point point) {
        Task self = self();
        if (self != null) {
            turnTo(self, pick(alive));
        }
    }

    @Override
    public void lock(Lock lock) {
        if (self() == null) {
            lock.lock();
            return;
        }
        await(lock::tryLock);
    }

    @Override
    public void await(BooleanSupplier condition) {
        Task self = self();
        if (self == null) {
            Schedule.super.await(condition);
            return;
        }
        while (!condition.getAsBoolean()) {
            List<Task> others = alive.stream().filter(each -> each != self).toList();
            if (others.isEmpty()) {
                throw new IllegalStateException("nobody is left who could end the wait");
            }
            turnTo(self, pick(others));
        }
    }

    private void turnTo(Task self, Task next) {
        if (++steps > STEP_LIMIT) {
            throw new IllegalStateException("no end after " + STEP_LIMIT + " steps");
        }
        if (next != self) {
            next.turn.release();
            self.turn.acquireUninterruptibly();
        }
    }
}
