package io.guestmem.conform;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Work on a thread of its own. */
final class Background<T> implements AutoCloseable {
    /** No check of this suite takes as long, on any machine. */
    static final Duration LIMIT = Duration.ofMinutes(2);

    private final CountDownLatch started = new CountDownLatch(1);
    private final FutureTask<T> task;
    private final String name;

    Background(String name, Callable<T> work) {
        this.name = name;
        this.task = new FutureTask<>(() -> {
            started.countDown();
            return work.call();
        });
        Thread.ofPlatform().daemon().name("conform-" + name).start(task);
    }

    /** Whether it is still at work after a while: for calls that must block. */
    boolean isStillBusyAfter(Duration while_) {
        try {
            if (!started.await(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
                return false;
            }
            task.get(while_.toMillis(), TimeUnit.MILLISECONDS);
            return false;
        } catch (TimeoutException _) {
            return true;
        } catch (ExecutionException _) {
            return false;
        } catch (InterruptedException interrupted) {
            throw interrupted(interrupted);
        }
    }

    /** Waits for what it returns. */
    T result() {
        try {
            return task.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException _) {
            throw new MismatchException(name, "an end", "none within " + LIMIT.toSeconds() + " seconds");
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof RuntimeException thrown) {
                throw thrown;
            }
            throw new IllegalStateException(name, failed.getCause());
        } catch (InterruptedException interrupted) {
            throw interrupted(interrupted);
        }
    }

    private static IllegalStateException interrupted(InterruptedException cause) {
        Thread.currentThread().interrupt();
        return new IllegalStateException("interrupted while a check waits", cause);
    }

    /** Waits for the end, so that nothing is taken down under it; what it returned or threw does not matter any more. */
    @Override
    public void close() {
        isStillBusyAfter(LIMIT);
    }
}
