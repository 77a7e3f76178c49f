package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.KvmIoctl;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BenchmarksTest {
    private static final BenchmarkSettings TINY = new BenchmarkSettings(
            0,
            2,
            Duration.ofNanos(1),
            4 * BenchmarkSettings.PIECE,
            2 * BenchmarkSettings.PIECE,
            List.of("/bin/true"),
            Optional.empty());

    static List<Benchmark> all() {
        return Benchmarks.all();
    }

    @Test
    void namesAreUnique() {
        assertThat(all())
                .extracting(Benchmark::name)
                .containsExactly(
                        "soft-pre-fault-1tib",
                        "soft-pre-fault",
                        "soft-pre-fault-2",
                        "soft-zap",
                        "soft-zap-slot",
                        "soft-table-size",
                        "walk-exact",
                        "walk-exact-sorted",
                        "walk-remembering",
                        "walk-remembering-batch",
                        "walk-batch",
                        "walk-batch-2",
                        "walk-leaves",
                        "walk-leaves-2",
                        "walk-kdumpfile",
                        "walk-volatility",
                        "walk-live",
                        "soft-access",
                        "ioctl-check-extension",
                        "ioctl-get-regs",
                        "ioctl-pre-fault",
                        "uffd-copy",
                        "measure-snp-4m",
                        "measure-snp-1g",
                        "measure-mrtd",
                        "populate-two-vcpus",
                        "populate-overhead",
                        "populate-progress",
                        "pager-fault-p50",
                        "pager-fault-p99",
                        "pager-storm",
                        "pager-populate",
                        "pager-prefetch-p99",
                        "pager-neighbour-p99",
                        "pager-recovery",
                        "pager-hand-over",
                        "pager-memory",
                        "doctor-start",
                        "measure-start");
    }

    @ParameterizedTest
    @MethodSource("all")
    void runsAndSaysHowItWasMeasured(Benchmark benchmark) {
        Optional<String> lacking = benchmark.unavailable(TINY);
        assumeTrue(lacking.isEmpty(), () -> benchmark.name() + " is skipped: " + lacking.orElseThrow());

        BenchmarkResult result = benchmark.run(TINY);

        assertThat(result.name()).isEqualTo(benchmark.name());
        assertThat(result.value()).isPositive().isFinite();
        assertThat(result.baseline()).isPositive().isFinite();
        assertThat(result.note()).contains(howMeasured(benchmark.name()));
    }

    private static String howMeasured(String name) {
        return switch (name) {
            case "soft-table-size" -> "a count, the same in every run";
            case "pager-memory" -> "32 VMs";
            default -> "of 2 rounds";
        };
    }

    /** 4 MiB times 64 is 256 MiB: 65536 pages, so 128 tables of leaves, and one for each of three levels above. */
    @Test
    void theSizeOfTablesIsCounted() {
        Benchmark benchmark = all().stream()
                .filter(each -> each.name().equals("soft-table-size"))
                .findFirst()
                .orElseThrow();

        BenchmarkResult result = benchmark.run(TINY);

        assertThat(result.baseline()).isEqualTo(131 * 4096);
        assertThat(result.value()).isEqualTo(2 << 20);
        assertThat(result.note()).startsWith("65536 pages; 131 tables in use");
        assertThat(result.met()).as("tables come in pieces of 2 MiB").isFalse();
    }

    @Test
    void sidesThatGetDifferentAnswersAreNotCompared() {
        IoctlBenchmark benchmark = new IoctlBenchmark("x", _ -> new IoctlSides(KvmIoctl.GET_REGS, _ -> 1, _ -> -25));
        Optional<String> lacking = benchmark.unavailable(TINY);
        assumeTrue(lacking.isEmpty(), () -> "ioctl benchmarks are skipped: " + lacking.orElseThrow());

        assertThatThrownBy(() -> benchmark.run(TINY))
                .isInstanceOf(BenchmarkException.class)
                .hasMessage("KVM_GET_REGS: 1 through the typed API, -25 bare");
    }

    @Test
    void withoutACommandThereIsNoStartToMeasure() {
        Benchmark start = new StartBenchmark();

        assertThat(start.unavailable(TINY.withStartCommand(List.of())))
                .hasValueSatisfying(reason -> assertThat(reason).contains("guestmem.root"));
        assertThat(start.unavailable(TINY.withStartCommand(List.of("/nonexistent"))))
                .hasValueSatisfying(reason -> assertThat(reason).contains("/nonexistent"));
    }
}
