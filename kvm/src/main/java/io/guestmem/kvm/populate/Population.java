package io.guestmem.kvm.populate;

import io.guestmem.kvm.Vcpu;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * One plan being carried out. {@link #run} is called once; {@link #cancel} and {@link #progress} by any thread at any time.
 *
 * <p>The calling thread works, too; for each further vCPU there is another thread, if there is enough to do and the order does not
 * matter ({@link PopulationTarget#isOrdered}). When {@code run}
 * returns or throws, they have ended.
 */
public final class Population {
    /** A thread is worth its start for so many bytes. */
    private static final long BYTES_A_THREAD = 4L << 20;

    private final Populator populator;
    private final PopulationPlan plan;
    private final AtomicInteger next = new AtomicInteger();
    private final LongAdder done = new LongAdder();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean cancelled;
    private volatile long total;
    private volatile long started;
    private volatile long ended;

    /** The chunks in the order in which they are begun; set before the threads start. */
    private List<Chunk> chunks = List.of();

    Population(Populator populator, PopulationPlan plan) {
        this.populator = populator;
        this.plan = plan;
    }

    /** No further chunk is begun: {@link #run} returns when those that are under way are done. */
    public void cancel() {
        cancelled = true;
    }

    /** How far it is. */
    public PopulationProgress progress() {
        long begin = started;
        long end = ended;
        long nanos = begin == 0 ? 0 : (end == 0 ? System.nanoTime() : end) - begin;
        return new PopulationProgress(done.sum(), total, Duration.ofNanos(nanos));
    }

    /**
     * Carries out the plan. An interrupt of the calling thread cancels it and stays set.
     *
     * @return an outcome for every step
     * @throws IllegalStateException if it was called before
     * @throws io.guestmem.abi.KernelException with an errno that the kernel should not answer with; everything has stopped then
     */
    public PopulationOutcome run() {
        if (started != 0) {
            throw new IllegalStateException("a population runs once");
        }
        started = System.nanoTime();
        PlanCheck check = new PlanCheck(populator);
        List<StepRun> runs = check.check(plan);
        List<StepRun> wanted = new ArrayList<>(runs);
        wanted.removeIf(StepRun::isStopped);
        wanted.sort(Comparator.comparing(run -> run.step().purpose()));
        total = wanted.stream().mapToLong(run -> run.step().range().size()).sum();
        int threads;
        try {
            wanted.forEach(check::prepare);
            chunks = wanted.stream().flatMap(run -> run.chunks().stream()).toList();
            if (isOrdered() && runs.stream().anyMatch(StepRun::isStopped)) {
                cancel();
            }
            threads = work();
        } finally {
            runs.forEach(StepRun::close);
            ended = System.nanoTime();
        }
        rethrow(failure.get());
        return new PopulationOutcome(
                runs.stream().map(StepRun::outcome).toList(), Duration.ofNanos(ended - started), threads);
    }

    private static void rethrow(@Nullable Throwable failed) {
        switch (failed) {
            case null -> {}
            case RuntimeException unexpected -> throw unexpected;
            case Error error -> throw error;
            default -> throw new AssertionError("a worker throws nothing checked", failed);
        }
    }

    private boolean isOrdered() {
        return chunks.stream().anyMatch(Chunk::isOrdered);
    }

    /** Lets as many threads work as are worth it; returns their number. */
    private int work() {
        List<Vcpu> vcpus = populator.vcpus();
        long useful = Math.min(chunks.size(), Math.ceilDiv(total, BYTES_A_THREAD));
        int threads = isOrdered() ? 1 : (int) Math.max(1, Math.min(vcpus.size(), useful));
        List<Thread> others = new ArrayList<>();
        try {
            for (int i = 1; i < threads; i++) {
                Vcpu vcpu = vcpus.get(i);
                others.add(Thread.ofPlatform()
                        .name("guestmem-populate-" + vcpu.id())
                        .start(() -> work(vcpu)));
            }
            work(vcpus.isEmpty() ? null : vcpus.getFirst());
        } finally {
            join(others);
        }
        return threads;
    }

    private void work(@Nullable Vcpu vcpu) {
        try (PopulationWorker worker = new PopulationWorker(this, vcpu, populator.patience())) {
            worker.run();
        } catch (RuntimeException | Error unexpected) {
            failure.compareAndSet(null, unexpected);
            cancelled = true;
        }
    }

    /** Waits for all of them, whoever interrupts. */
    private void join(List<Thread> threads) {
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException _) { // means the population: they end after their chunks
                    cancelled = true;
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    boolean isCancelled() {
        return cancelled;
    }

    /** The next chunk of a step that goes on, or null if there is nothing more to do. */
    @Nullable
    Chunk next() {
        while (!cancelled) {
            int index = next.getAndIncrement();
            if (index >= chunks.size()) {
                return null;
            }
            Chunk chunk = chunks.get(index);
            if (!chunk.step.isStopped()) {
                return chunk;
            }
        }
        return null;
    }

    void count(long bytes) {
        done.add(bytes);
    }
}
