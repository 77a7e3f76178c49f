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
    private static final BenchmarkSettings TINY =
            new BenchmarkSettings(0, 2, Duration.ofNanos(1), BenchmarkSettings.PIECE, List.of("/bin/true"));

    static List<Benchmark> all() {
        return Benchmarks.all();
    }

    @Test
    void namesAreUnique() {
        assertThat(all())
                .extracting(Benchmark::name)
                .containsExactly(
                        "ioctl-check-extension",
                        "ioctl-get-regs",
                        "ioctl-pre-fault",
                        "uffd-copy",
                        "measure-snp-4m",
                        "measure-snp-1g",
                        "measure-mrtd",
                        "doctor-start");
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
        assertThat(result.note()).contains("of 2 rounds");
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
        Benchmark start = Benchmarks.all().getLast();

        assertThat(start.unavailable(TINY.withStartCommand(List.of())))
                .hasValueSatisfying(reason -> assertThat(reason).contains("guestmem.root"));
        assertThat(start.unavailable(TINY.withStartCommand(List.of("/nonexistent"))))
                .hasValueSatisfying(reason -> assertThat(reason).contains("/nonexistent"));
    }
}
