package io.guestmem.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class UffdCopyTest {
    /** Two pieces and a rest. */
    private static final long BYTES = 5 * 4096;

    private static final long PIECE = 2 * 4096;

    @BeforeEach
    void needsUserfaultfdAndGcc() {
        Optional<String> lacking = new UffdCopyBenchmark().unavailable(BenchmarkSettings.standard());
        assumeTrue(lacking.isEmpty(), () -> "uffd-copy is skipped: " + lacking.orElseThrow());
    }

    private static CProgram compiled() {
        return CProgram.compile(CProgram.compiler().orElseThrow(), UffdCopy.PROGRAM);
    }

    @Test
    void bothSidesCopyAllBytesInPiecesWithARest() {
        UffdCopy ours = UffdCopy.run(BYTES, PIECE);
        UffdCopy baseline;
        try (CProgram program = compiled()) {
            baseline = UffdCopy.run(program, BYTES, PIECE);
        }

        assertThat(ours.bytes()).isEqualTo(BYTES);
        assertThat(baseline.bytes()).isEqualTo(BYTES);
        assertThat(ours.nanos()).isPositive();
        assertThat(baseline.nanos()).isPositive();
    }

    @Test
    void bothSidesSayThatTheKernelRefusesAPieceThatIsNotWholePages() {
        assertThatThrownBy(() -> UffdCopy.run(BYTES, 1000))
                .isInstanceOf(BenchmarkException.class)
                .hasMessageContaining("UFFDIO_COPY")
                .hasMessageContaining("EINVAL");
        try (CProgram program = compiled()) {
            assertThatThrownBy(() -> UffdCopy.run(program, BYTES, 1000))
                    .isInstanceOf(BenchmarkException.class)
                    .hasMessageContaining("exit status 1: UFFDIO_COPY: Invalid argument");
        }
    }

    @Test
    void aCompilerThatFailsIsTheAnswer() {
        assertThatThrownBy(() -> CProgram.compile(Path.of("/bin/false"), UffdCopy.PROGRAM))
                .isInstanceOf(BenchmarkException.class)
                .hasMessageContaining("exit status 1");
    }

    @Test
    void theRateIsBinaryGigabytesASecond() {
        assertThat(new UffdCopy(1L << 29, 250_000_000).gibibytesPerSecond()).isEqualTo(2.0);
    }
}
