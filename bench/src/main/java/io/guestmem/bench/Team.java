package io.guestmem.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/** Platform threads that begin together. Used by one thread at a time. */
final class Team implements AutoCloseable {
    private final int size;
    private final AtomicInteger awaited = new AtomicInteger();
    private final ExecutorService threads;

    /** When one of them was at work. */
    private record Span(long from, long to) {}

    Team(int size) {
        this.size = size;
        this.threads =
                Executors.newFixedThreadPool(size, Thread.ofPlatform().daemon().factory());
    }

    /** How many threads. */
    int size() {
        return size;
    }

    /**
     * Each does its part.
     *
     * @param part gets the number of the thread, from 0
     * @return nanoseconds from the first's beginning to the last's end
     */
    long run(IntConsumer part) {
        awaited.set(size);
        List<Future<Span>> spans = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            int number = i;
            spans.add(threads.submit(() -> work(number, part)));
        }
        long from = Long.MAX_VALUE;
        long to = Long.MIN_VALUE;
        try {
            for (Future<Span> each : spans) {
                Span span = each.get();
                from = Math.min(from, span.from());
                to = Math.max(to, span.to());
            }
        } catch (ExecutionException failed) {
            throw new BenchmarkException("a thread failed: " + failed.getCause(), failed);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new BenchmarkException("interrupted", interrupted);
        }
        return to - from;
    }

    /** They wait for each other by spinning: waking up takes as long as the work of a small part. */
    private Span work(int number, IntConsumer part) {
        awaited.decrementAndGet();
        while (awaited.get() > 0) {
            Thread.onSpinWait();
        }
        long from = System.nanoTime();
        part.accept(number);
        return new Span(from, System.nanoTime());
    }

    @Override
    public void close() {
        threads.close();
    }
}
