package io.guestmem.conform;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.conform.CheckResult.Outcome;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.SoftKernelOptions.ProposalRules;
import io.guestmem.soft.SoftKernelOptions.SharedRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The whole suite on the software kernel, and which checks each kind of host cannot show. */
class SoftConformanceTest {
    /** Without TDP, or with nested guests: the software kernel has always TDP, and its processor never SVM. */
    private static final List<String> NEVER = List.of("PF-05", "PF-06", "PF-33");

    private static final SoftKernelOptions DEFAULTS = SoftKernelOptions.defaults();

    /** The results of all checks, none of which failed. */
    private static List<CheckResult> run(SoftKernelOptions options, Schedule schedule) {
        List<CheckResult> results = new ArrayList<>();
        try (ConformanceKernel kernel = ConformanceKernel.soft(options, schedule)) {
            Conformance.run(kernel, Set.of(), results::add);
        }
        assertThat(results).hasSameSizeAs(Conformance.checks());
        assertThat(results)
                .filteredOn(result -> result.outcome() == Outcome.FAIL)
                .isEmpty();
        return results;
    }

    private static Set<String> ids(List<CheckResult> results, Outcome outcome) {
        return results.stream()
                .filter(result -> result.outcome() == outcome)
                .map(CheckResult::id)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> skipped(String... beside) {
        Set<String> ids = new TreeSet<>(NEVER);
        ids.addAll(List.of(beside));
        return ids;
    }

    static Stream<Arguments> hosts() {
        return Stream.of(
                Arguments.of("Linux 7.2", DEFAULTS, skipped("MMU-16", "MMU-17")),
                Arguments.of(
                        "Linux 6.18",
                        DEFAULTS.with().kernelVersion(KernelVersion.V6_18).build(),
                        skipped("MMU-16", "MMU-17")),
                Arguments.of(
                        "Linux 6.12, whose guest_memfds cannot be mapped",
                        DEFAULTS.with().kernelVersion(KernelVersion.V6_12).build(),
                        skipped(
                                "MMU-16", "MMU-17", "PF-30", "PF-41", "SYS-07", "GMEM-08", "GMEM-09", "GMEM-10",
                                "GMEM-15", "GMEM-16", "GMEM-17", "GMEM-18", "GMEM-19", "GMEM-20", "GMEM-21",
                                "GMEM-22")),
                Arguments.of(
                        "no accessed and dirty bits",
                        DEFAULTS.with().accessedDirtyBits(false).build(),
                        skipped("MMU-16")),
                Arguments.of(
                        "huge pages that are not executable",
                        DEFAULTS.with().nxHugePages(true).build(),
                        skipped("MMU-17")),
                Arguments.of(
                        "5 levels",
                        DEFAULTS.with().tdpLevels(5).maxPhysicalAddressBits(50).build(),
                        skipped("MMU-16", "MMU-17")),
                Arguments.of(
                        "page modification logging",
                        DEFAULTS.with().pageModificationLogging(true).build(),
                        skipped("MMU-16", "MMU-17")),
                Arguments.of(
                        "no system management mode",
                        DEFAULTS.with().addressSpaces(1).build(),
                        skipped("MMU-16", "MMU-17", "SLOT-17", "PF-34")),
                Arguments.of(
                        "transparent huge pages everywhere",
                        DEFAULTS.with().transparentHugePages(true).build(),
                        skipped("MMU-16", "MMU-17")),
                Arguments.of(
                        "proposals as documented",
                        DEFAULTS.with()
                                .proposalRules(ProposalRules.AS_DOCUMENTED)
                                .build(),
                        skipped("MMU-16", "MMU-17")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("hosts")
    void everyCheckPassesButThoseThatThisHostCannotShow(String name, SoftKernelOptions options, Set<String> skipped) {
        assertThat(ids(run(options, Schedule.FREE), Outcome.SKIP)).isEqualTo(skipped);
    }

    @Test
    void threadsThatAreDelayedAtRandomChangeNoAnswer() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);

        assertThat(ids(run(DEFAULTS, new RandomDelays(seed)), Outcome.SKIP)).isEqualTo(skipped("MMU-16", "MMU-17"));
    }

    @Test
    void theThirdProposalPassesItsOwnChecks() {
        SoftKernelOptions options =
                DEFAULTS.with().sharedRequest(SharedRequest.MAP_MEMORY_V3).build();

        Set<String> passed = ids(run(options, Schedule.FREE), Outcome.PASS);

        assertThat(passed).contains("MM-01", "MM-08", "MM-09", "MM-10", "GMEM-22", "POP-02", "T2-14");
    }
}
