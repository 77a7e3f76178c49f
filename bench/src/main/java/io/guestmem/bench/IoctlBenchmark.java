package io.guestmem.bench;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * What the typed API adds to an ioctl.
 *
 * @param name of the benchmark
 * @param sides the request, for a VM
 */
record IoctlBenchmark(String name, Function<BenchmarkVm, IoctlSides> sides) implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.ratioAtMost(1.15));

    @Override
    public String what() {
        return "nanoseconds of an ioctl through the typed API, against a bare downcall of the same ioctl";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return BenchmarkVm.refusal();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        try (BenchmarkVm guest = new BenchmarkVm()) {
            IoctlSides both = sides.apply(guest);
            long answer = both.typed().repeat(1);
            long bareAnswer = both.bare().repeat(1);
            if (answer != bareAnswer) {
                throw new BenchmarkException(
                        both.request().request() + ": " + answer + " through the typed API, " + bareAnswer + " bare");
            }
            return SideBySide.measure(
                            new TimedLoop(both.typed(), settings.loopTime(), System::nanoTime),
                            new TimedLoop(both.bare(), settings.loopTime(), System::nanoTime),
                            settings)
                    .medians(name, "ns", BOUNDS, settings, both.request().request() + " answers " + answer);
        }
    }
}
