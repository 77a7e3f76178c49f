package io.guestmem.bench;

import io.guestmem.bench.PagerField.Server;
import java.util.List;
import java.util.Optional;

/** What a VM that faults as fast as it can costs another one of the same server. */
final class PagerNeighbourBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.ratioAtMost(1.3));

    /** A storm that lasts longer than the faults that are measured. */
    private static final int STORMING_THREADS = 2;

    @Override
    public String name() {
        return "pager-neighbour-p99";
    }

    @Override
    public String what() {
        return "99th percentile of a VM's fault while two vCPUs of another VM of the same server storm, against a C handler's";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return PagerField.unavailable();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        try (PagerField field = PagerField.create(settings.copyBytes());
                Server ours = field.ours(PagerField.ANYWHERE, false);
                Server bare = field.bare(PagerField.ANYWHERE, false)) {
            List<Spread> figures = SideBySide.turns(
                    List.of(
                            () -> withNeighbour(field, ours),
                            () -> withNeighbour(field, bare),
                            () -> PagerBenchmark.p99(field, ours),
                            () -> PagerBenchmark.p99(field, bare)),
                    settings);
            String alone = "alone " + figures.get(2) + ", baseline alone " + figures.get(3);
            return new SideBySide(figures.get(0), figures.get(1)).least(name(), "us", BOUNDS, settings, alone);
        }
    }

    private static double withNeighbour(PagerField field, Server server) {
        try (LineProcess neighbour =
                field.start(server, field.pages(), PagerField.ANYWHERE, "storm", STORMING_THREADS)) {
            neighbour.await("served");
            return PagerBenchmark.p99(field, server);
        }
    }
}
