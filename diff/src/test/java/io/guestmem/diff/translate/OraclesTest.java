package io.guestmem.diff.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.diff.BrokenKernel;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.paging.PagingMode;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The walker agrees with this host's kernel and processor. The lab's kernels have a test in {@code house}. */
class OraclesTest {
    private static final long CASES = 8_000;
    private static final Duration LONG = Duration.ofMinutes(10);

    /** One after the other, as rounds count up: as good as any, and short to print. */
    private static long randomSeed() {
        long seed = System.nanoTime() & 0xFFFF_FFFFL;
        System.out.println("OraclesTest seed " + seed);
        return seed;
    }

    private static Oracles.Settings everything() {
        return new Oracles.Settings(
                randomSeed(), CASES, LONG, EnumSet.allOf(PagingMode.class), EnumSet.allOf(Oracles.Choice.class));
    }

    private static void assertAgreement(OracleTally tally) {
        String what = tally.oracle() + " " + tally.mode();
        assertThat(tally.difference().map(OracleDifference::describe)).as(what).isEmpty();
        assertThat(tally.cases()).as(what).isGreaterThanOrEqualTo(CASES);
        if (tally.mode() != PagingMode.NONE) {
            assertThat(tally.faults()).as(what + ": both ends happen").isBetween(1L, tally.cases() - 1);
        }
    }

    @Test
    void theWalkerAgreesWithThisHost() {
        List<OracleTally> tallies;
        try {
            tallies = Oracles.run(new LinuxKernel(), everything());
        } catch (KernelUnavailableException absent) {
            abort("no KVM on this host: " + absent.getMessage());
            return;
        }
        for (OracleTally tally : tallies) {
            tally.missing()
                    .ifPresentOrElse(
                            reason -> System.out.println(
                                    "skipped " + tally.oracle() + " " + tally.mode() + ": " + reason),
                            () -> assertAgreement(tally));
        }
        assumeTrue(tallies.stream().anyMatch(tally -> tally.missing().isEmpty()), "this host offers no mode at all");
    }

    @Test
    void theSoftwareKernelsProcessorAgreesInEveryMode() {
        try (SoftKernel soft = new SoftKernel(SoftKernelOptions.defaults())) {
            List<OracleTally> tallies = Oracles.run(soft, everything());

            assertThat(tallies).hasSize(2 * PagingMode.values().length);
            assertThat(tallies).allSatisfy(tally -> assertThat(tally.missing()).isEmpty());
            assertThat(tallies).allSatisfy(OraclesTest::assertAgreement);
        }
    }

    @ParameterizedTest
    @CsvSource({"16, true", "8, false"})
    void aKernelThatTranslatesWronglyIsFound(int field, boolean validity) {
        BrokenKernel.Defect defect = (request, struct, result) -> {
            if (request == KvmIoctl.TRANSLATE.code()
                    && struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID) != 0) {
                byte was = struct.get(ValueLayout.JAVA_BYTE, field);
                struct.set(ValueLayout.JAVA_BYTE, field, (byte) (was ^ 1));
            }
            return result;
        };
        assertThat(validity).isEqualTo(field == TranslationLayout.VALID);
        try (SoftKernel soft = new SoftKernel(SoftKernelOptions.defaults())) {
            List<OracleTally> tallies = Oracles.run(
                    new BrokenKernel(soft, defect),
                    new Oracles.Settings(1, 1, LONG, Set.of(PagingMode.LEVEL_4), Set.of(Oracles.Choice.TRANSLATE)));

            assertThat(tallies).singleElement().satisfies(tally -> {
                assertThat(tally.difference()).isPresent();
                assertThat(tally.difference().orElseThrow().describe())
                        .contains("seed 1, LEVEL_4", "supervisor read", "level 4 at 0x", "walker  0x", "oracle  ");
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void aDeviationThatAProcessorDoesNotHaveIsFound(KnownDeviation deviation) {
        PagingMode mode = switch (deviation) {
            case PSE36_WITH_36_BITS -> PagingMode.BITS_32;
            case ACCESSED_IN_PDPTE -> PagingMode.PAE;
            default -> PagingMode.LEVEL_4;
        };
        // The software kernel has one of them: there it is the lack of it that is found.
        Set<KnownDeviation> wrong = deviation == KnownDeviation.PSE36_WITH_36_BITS ? Set.of() : Set.of(deviation);
        try (SoftKernel soft = new SoftKernel(SoftKernelOptions.defaults());
                AccessOracle oracle = new AccessOracle(soft, new Processor(wrong, false))) {
            OracleTally tally = new OracleTally("access", mode);
            oracle.round(mode, 1, tally);

            assertThat(tally.difference()).isPresent();
        }
    }

    @Test
    void aRoundFollowsFromItsSeed() {
        assertThat(round(7)).isEqualTo(round(7)).isNotEqualTo(round(8));
    }

    private static String round(long seed) {
        Processor other = new Processor(Set.of(KnownDeviation.RESERVED_WITHOUT_PRESENT), false);
        try (SoftKernel soft = new SoftKernel(SoftKernelOptions.defaults());
                AccessOracle oracle = new AccessOracle(soft, other)) {
            OracleTally tally = new OracleTally("access", PagingMode.LEVEL_5);
            oracle.round(PagingMode.LEVEL_5, seed, tally);
            return tally.difference().orElseThrow().describe();
        }
    }
}
