package io.guestmem.bench;

import io.guestmem.bench.PagerField.Server;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Two page servers in turns under the same client, a new VM each time.
 *
 * <p>The figures are those of the best rounds where rounds are short: another process that takes the processor for a moment is in
 * every percentile of its round.
 *
 * @param ours starts our server
 * @param baseline starts what it is compared with
 * @param round what the client does with one of them
 * @param factor how much larger than others a VM is
 * @param figure which of the rounds' figures counts
 */
record PagerBenchmark(
        String name,
        String what,
        String unit,
        Bound bound,
        Function<PagerField, Server> ours,
        Function<PagerField, Server> baseline,
        Round round,
        int factor,
        Figure figure)
        implements Benchmark {
    /** To begin takes a while, which is no part of how fast a large VM is populated. */
    private static final int BULK = 4;

    private static final long FAULTS = 5000;
    private static final int STORMING_THREADS = 16;
    private static final long MOST_STORM_PAGES = 16384;
    private static final double MICROSECOND = 1e3;
    private static final double SECOND = 1e9;
    private static final double GIB = 1L << 30;

    /** Positions in what the client says of its faults. */
    private static final int MEDIAN = 1;

    private static final int P99 = 2;

    /** Of all rounds. */
    enum Figure {
        /** The best one, of short rounds: whoever takes the processor for a moment is in all percentiles of one. */
        LEAST,
        /** The best one, where more is better. */
        MOST,
        /** Of long rounds, in each of which others have their moments. */
        MEDIAN
    }

    /** One VM of one server. */
    interface Round {
        /** The figure. */
        double figure(PagerField field, Server server);
    }

    static List<Benchmark> all() {
        return List.of(
                onOneCpu("pager-fault-p50", "median", MEDIAN),
                onOneCpu("pager-fault-p99", "99th percentile", P99),
                new PagerBenchmark(
                        "pager-storm",
                        "faults of 16 threads served a second, on another CPU than the server, against a C handler",
                        "faults/s",
                        Bound.ratioAtLeast(0.95),
                        field -> field.ours(PagerField.lastCpu(), false),
                        field -> field.bare(PagerField.lastCpu(), false),
                        PagerBenchmark::storm,
                        1,
                        Figure.MOST),
                new PagerBenchmark(
                        "pager-populate",
                        "a VM given all of its memory before it asks, from its handshake on, against a C loop in pieces of 2 MiB",
                        "GiB/s",
                        Bound.ratioAtLeast(0.97),
                        field -> field.ours(PagerField.ANYWHERE, true),
                        field -> field.bare(PagerField.ANYWHERE, true),
                        PagerBenchmark::populate,
                        BULK,
                        Figure.MEDIAN),
                new PagerBenchmark(
                        "pager-prefetch-p99",
                        "99th percentile of a fault while all memory is prefetched, against the same without prefetching",
                        "us",
                        Bound.ratioAtMost(1.3),
                        field -> field.ours(PagerField.ANYWHERE, true),
                        field -> field.ours(PagerField.ANYWHERE, false),
                        PagerBenchmark::whilePrefetching,
                        1,
                        Figure.LEAST),
                new PagerNeighbourBenchmark(),
                new PagerRecoveryBenchmark(),
                new PagerHandOverBenchmark(),
                new PagerMemoryBenchmark());
    }

    private static Benchmark onOneCpu(String name, String which, int position) {
        return new PagerBenchmark(
                name,
                which + " of a fault of one thread, on the server's own CPU, against a C handler",
                "us",
                Bound.ratioAtMost(1.08),
                field -> field.ours(PagerField.firstCpu(), false),
                field -> field.bare(PagerField.firstCpu(), false),
                (field, server) -> faults(field, server, PagerField.firstCpu(), position),
                1,
                Figure.LEAST);
    }

    /** The 99th percentile of one thread's faults, in microseconds. */
    static double p99(PagerField field, Server server) {
        return faults(field, server, PagerField.ANYWHERE, P99);
    }

    private static double faults(PagerField field, Server server, int cpu, int position) {
        long[] said = field.run(server, field.pages(), cpu, "faults", FAULTS);
        if (said[0] == 0) {
            throw new BenchmarkException("no fault at all");
        }
        return said[position] / MICROSECOND;
    }

    /** A round in which all pages were there before the first was touched says nothing: it is never the least. */
    private static double whilePrefetching(PagerField field, Server server) {
        long[] said = field.run(server, field.pages(), PagerField.ANYWHERE, "faults", FAULTS);
        return said[0] == 0 ? Double.POSITIVE_INFINITY : said[P99] / MICROSECOND;
    }

    private static double storm(PagerField field, Server server) {
        long pages = Math.min(MOST_STORM_PAGES, field.pages());
        long[] said = field.run(server, pages, PagerField.firstCpu(), "storm", STORMING_THREADS);
        if (said[0] != pages - 1) {
            throw new BenchmarkException(said[0] + " faults for " + pages + " pages");
        }
        return said[0] * SECOND / said[1];
    }

    private static double populate(PagerField field, Server server) {
        long[] said = field.run(server, field.pages(), PagerField.ANYWHERE, "full", 0);
        return said[0] * PagerField.PAGE / GIB * SECOND / said[1];
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return PagerField.unavailable();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        try (PagerField field = PagerField.create(factor * settings.copyBytes());
                Server ours = this.ours.apply(field);
                Server other = baseline.apply(field)) {
            SideBySide sides =
                    SideBySide.measure(() -> round.figure(field, ours), () -> round.figure(field, other), settings);
            String remark = field.pages() * PagerField.PAGE / BenchmarkSettings.MIB + " MiB a VM";
            return switch (figure) {
                case LEAST -> sides.least(name, unit, List.of(bound), settings, remark);
                case MOST -> sides.most(name, unit, List.of(bound), settings, remark);
                case MEDIAN -> sides.medians(name, unit, List.of(bound), settings, remark);
            };
        }
    }
}
