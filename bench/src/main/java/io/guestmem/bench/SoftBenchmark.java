package io.guestmem.bench;

import java.util.Optional;
import java.util.function.BiFunction;

/**
 * A benchmark of the software kernel: it runs everywhere.
 *
 * @param name of the benchmark
 * @param what is compared with what
 * @param measured runs it under its name
 */
record SoftBenchmark(String name, String what, BiFunction<String, BenchmarkSettings, BenchmarkResult> measured)
        implements Benchmark {
    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return Optional.empty();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        return measured.apply(name, settings);
    }
}
