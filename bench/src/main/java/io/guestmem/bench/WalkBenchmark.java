package io.guestmem.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongSupplier;

/**
 * A benchmark of page walks.
 *
 * @param name of the benchmark
 * @param what is compared with what
 * @param needs what must be there
 * @param measured runs it
 */
record WalkBenchmark(String name, String what, Needs needs, Function<Run, BenchmarkResult> measured)
        implements Benchmark {
    static final String RATE = "M/s";
    static final String PYTHON = "python3";
    static final String ADDRXLAT = "walk_addrxlat";
    static final String ADDRXLAT_LIBRARY = "-laddrxlat";
    private static final String NO_COMPILER = "there is no gcc in PATH to compile the C side with";

    /** So much guest memory for a query. */
    private static final int BYTES_A_QUERY = 1024;

    private static final double NANOS_A_SECOND = 1e9;
    private static final double NANOS_A_MICROSECOND = 1e3;

    /** What a side needs that not every host has. */
    enum Needs {
        /** A C compiler. */
        COMPILER,
        /** Two of them. */
        TWO_PROCESSORS,
        /** A compiler, and libkdumpfile with its header. */
        ADDRXLAT,
        /** Python with volatility3. */
        VOLATILITY,
        /** {@code /dev/kvm}. */
        KVM
    }

    /** A run with its settings. */
    record Run(String name, BenchmarkSettings settings) {
        int queries() {
            return Math.toIntExact(settings.guestBytes() / BYTES_A_QUERY);
        }

        String remark(GuestSpace space) {
            return (space.size() >> 20) + " MiB"
                    + settings.image().map(image -> " of " + image).orElse("");
        }

        /** Walks by a microsecond, which is millions a second; of each round the fastest pass. */
        SideBySide rates(WalkPass.Side ours, WalkPass.Side theirs, int queries) {
            long sum = sum(ours, theirs);
            return SideBySide.measure(
                    () -> queries * NANOS_A_MICROSECOND / fastest(ours, sum),
                    () -> queries * NANOS_A_MICROSECOND / fastest(theirs, sum),
                    settings);
        }

        /** Seconds a pass; of each round the fastest. */
        SideBySide seconds(WalkPass.Side ours, WalkPass.Side theirs) {
            long sum = sum(ours, theirs);
            return SideBySide.measure(
                    () -> fastest(ours, sum) / NANOS_A_SECOND, () -> fastest(theirs, sum) / NANOS_A_SECOND, settings);
        }

        private static long sum(WalkPass.Side ours, WalkPass.Side theirs) {
            long sum = ours.pass().sum();
            long theirSum = theirs.pass().sum();
            if (sum != theirSum) {
                throw new BenchmarkException(
                        "the sums differ: ours is " + Long.toHexString(sum) + ", theirs " + Long.toHexString(theirSum));
            }
            return sum;
        }

        private double fastest(WalkPass.Side side, long sum) {
            LongSupplier timed = () -> {
                WalkPass pass = side.pass();
                if (pass.sum() != sum) {
                    throw new BenchmarkException("another sum than before: " + Long.toHexString(pass.sum()));
                }
                return pass.nanos();
            };
            return RepeatedWork.fastest(timed, settings.loopTime());
        }
    }

    /** A script among the resources, as a file. */
    record Script(Path path) implements AutoCloseable {
        Script(String resource) {
            this(written(resource));
        }

        private static Path written(String resource) {
            try {
                Path file = Files.createTempDirectory("guestmem-bench-").resolve(resource);
                try (InputStream text =
                        Objects.requireNonNull(WalkBenchmark.class.getResourceAsStream(resource), resource)) {
                    Files.copy(text, file);
                }
                return file;
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        @Override
        public void close() {
            try {
                Files.delete(path);
                Files.delete(path.getParent());
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        if (needs == Needs.TWO_PROCESSORS) {
            int processors = Runtime.getRuntime().availableProcessors();
            return processors < 2 ? Optional.of("there is one processor: " + processors) : Optional.empty();
        }
        if (needs == Needs.VOLATILITY) {
            return lacking("python3 has no volatility3", () -> new Command(PYTHON, "-c", "import volatility3").run());
        }
        if (needs == Needs.KVM) {
            return BenchmarkVm.refusal();
        }
        if (CProgram.compiler().isEmpty()) {
            return Optional.of(NO_COMPILER);
        }
        return needs == Needs.ADDRXLAT
                ? lacking(
                        "there is no libkdumpfile to link with",
                        () -> compiled(ADDRXLAT, ADDRXLAT_LIBRARY).close())
                : Optional.empty();
    }

    static CProgram compiled(String name, String... libraries) {
        Path compiler = CProgram.compiler().orElseThrow(() -> new BenchmarkException(NO_COMPILER));
        return CProgram.compile(compiler, name, libraries);
    }

    private static Optional<String> lacking(String reason, Runnable attempt) {
        try {
            attempt.run();
            return Optional.empty();
        } catch (BenchmarkException _) {
            return Optional.of(reason);
        }
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        return measured.apply(new Run(name, settings));
    }
}
