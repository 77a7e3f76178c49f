package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A call on a thread of its own that may block, whose system call can be watched and interrupted. */
final class Background<T> {
    /** Bounds a wait for something that must happen, however slow the machine. */
    private static final long LIMIT_SECONDS = 30;

    /** A signal that the JVM takes and ignores, and that interrupts a system call all the same. */
    private static final int SIGPIPE = 13;

    private final FutureTask<Long> threadId = new FutureTask<>(() -> SystemCall.once(SystemCallNumber.GETTID, 0, 0, 0));
    private final FutureTask<T> task;

    private Background(Callable<T> call) {
        task = new FutureTask<>(call);
    }

    static <T> Background<T> start(String name, Callable<T> call) {
        Background<T> background = new Background<>(call);
        Thread.ofPlatform().daemon().name(name).start(() -> {
            background.threadId.run();
            background.task.run();
        });
        return background;
    }

    T result() throws ExecutionException, InterruptedException, TimeoutException {
        return task.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    boolean isDone() {
        return task.isDone();
    }

    int threadId() throws ExecutionException, InterruptedException, TimeoutException {
        return threadId.get(LIMIT_SECONDS, TimeUnit.SECONDS).intValue();
    }

    /** Returns when the thread sleeps inside the given system call. */
    void awaitBlockedIn(SystemCallNumber call)
            throws IOException, ExecutionException, InterruptedException, TimeoutException {
        Path entry = Path.of("/proc/self/task/" + threadId());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!isBlockedIn(call, entry)) {
            assertThat(task.isDone()).describedAs("ended before it blocked").isFalse();
            assertThat(deadline - System.nanoTime())
                    .describedAs("time to block in " + call)
                    .isPositive();
            Thread.onSpinWait();
        }
    }

    private static boolean isBlockedIn(SystemCallNumber call, Path entry) throws IOException {
        return Files.readString(entry.resolve("syscall")).startsWith(call.value() + " ")
                && Files.readString(entry.resolve("status")).contains("SigPnd:\t0000000000000000");
    }

    /** Sends a signal to the thread while it sleeps in the call, and returns when it sleeps there again. */
    void interruptIn(SystemCallNumber call)
            throws IOException, ExecutionException, InterruptedException, TimeoutException {
        awaitBlockedIn(call);
        long pid = SystemCall.once(SystemCallNumber.GETPID, 0, 0, 0);
        LinuxException.check(SystemCall.once(SystemCallNumber.TGKILL, pid, threadId(), SIGPIPE), "tgkill");
        awaitBlockedIn(call);
    }
}
