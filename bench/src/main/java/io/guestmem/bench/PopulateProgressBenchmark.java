package io.guestmem.bench;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.populate.Content;
import io.guestmem.kvm.populate.GuestMemory;
import io.guestmem.kvm.populate.Population;
import io.guestmem.kvm.populate.PopulationPlan;
import io.guestmem.kvm.populate.PopulationProgress;
import io.guestmem.kvm.populate.PopulationStep;
import io.guestmem.kvm.populate.Populator;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** What it costs to ask for progress a hundred times a second, as a display would: the same copy watched and unwatched. */
final class PopulateProgressBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.ratioAtLeast(0.99));
    private static final long INTERVAL_NANOS = 10_000_000;
    private static final int RUNS = 4;
    private static final double GIB = 1L << 30;

    @Override
    public String name() {
        return "populate-progress";
    }

    @Override
    public String what() {
        return "copying into memory while progress is asked for every 10 ms, against the same unwatched";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return Optional.empty();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        try (HostMemory memory = new LinuxKernel().allocate(HostMemoryKind.SHARED_MEMFD, settings.copyBytes());
                Arena arena = Arena.ofShared()) {
            GuestPhysical start = new GuestPhysical(0);
            Populator populator =
                    Populator.of(GuestMemory.builder().memory(start, memory).build());
            PopulationPlan plan = PopulationPlan.of(PopulationStep.of(
                    new GuestRange(start, memory.length()),
                    new Content.Buffer(arena.allocate(memory.length(), GuestPhysical.PAGE_SIZE))));
            long populated = memory.advise(HostAdvice.POPULATE_WRITE, 0, memory.length());
            if (populated != 0) {
                throw new BenchmarkException("MADV_POPULATE_WRITE: " + populated);
            }
            return SideBySide.measure(
                            new BestOf(RUNS, () -> watched(populator.prepare(plan))),
                            new BestOf(RUNS, () -> rate(populator.prepare(plan))),
                            settings)
                    .most(name(), "GiB/s", BOUNDS, settings, (memory.length() >> 20) + " MiB a round");
        }
    }

    private static double rate(Population population) {
        long start = System.nanoTime();
        long done = population.run().done();
        long elapsed = System.nanoTime() - start;
        PopulationProgress progress = population.progress();
        if (progress.remaining() != 0 || progress.bytes() != done) {
            throw new BenchmarkException("not complete: " + progress);
        }
        return done / GIB * 1e9 / elapsed;
    }

    private static double watched(Population population) {
        Thread watcher = Thread.ofPlatform().name("progress").start(() -> {
            while (!Thread.currentThread().isInterrupted()) {
                if (population.progress().remaining() < 0) {
                    throw new BenchmarkException("more than all is done");
                }
                LockSupport.parkNanos(INTERVAL_NANOS);
            }
        });
        try {
            return rate(population);
        } finally {
            watcher.interrupt();
        }
    }
}
