package io.guestmem.conform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import io.guestmem.abi.KernelUnavailableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ConformanceTest {
    /** Chapters of the checklist (kernel.md, section 7): prefix and last number. */
    private static final List<Chapter> CHECKLIST = List.of(
            new Chapter("SYS", 12),
            new Chapter("SLOT", 31),
            new Chapter("GMEM", 22),
            new Chapter("ATTR", 12),
            new Chapter("PF", 47),
            new Chapter("MM", 10),
            new Chapter("TR", 17),
            new Chapter("T2", 17),
            new Chapter("POP", 9),
            new Chapter("SNP", 8),
            new Chapter("SEV", 1),
            new Chapter("TDX", 7),
            new Chapter("MMU", 20),
            new Chapter("DIRTY", 7),
            new Chapter("STAT", 2),
            new Chapter("SREG", 2));

    private record Chapter(String prefix, int last) {
        Stream<String> ids() {
            return Stream.iterate(1, number -> number <= last, number -> number + 1)
                    .map(number -> String.format(Locale.ROOT, "%s-%02d", prefix, number));
        }
    }

    @Test
    void everyCheckOfTheChecklistIsThereOnceInItsOrder() {
        List<String> wanted = CHECKLIST.stream().flatMap(Chapter::ids).toList();

        assertThat(Conformance.checks()).extracting(Check::id).containsExactlyElementsOf(wanted);
    }

    @Test
    void everyCheckSaysWhatItShowsAndWhereTheRuleComesFrom() {
        assertThat(Conformance.checks()).allSatisfy(check -> {
            assertThat(check.title()).isNotBlank();
            assertThat(check.source()).isNotBlank();
            assertThat(check.where()).isNotEmpty();
        });
    }

    @Test
    void theHostsKernelConforms() {
        List<CheckResult> results = new ArrayList<>();
        try {
            Conformance.run(ConformanceKernel.linux(), Set.of(), results::add);
        } catch (KernelUnavailableException absent) {
            abort("no KVM on this host: " + absent.getMessage());
        }
        for (CheckResult result : results) {
            if (result.outcome() != CheckResult.Outcome.PASS) {
                System.out.println(result);
            }
        }

        assertThat(results).hasSameSizeAs(Conformance.checks());
        assertThat(results)
                .filteredOn(result -> result.outcome() == CheckResult.Outcome.FAIL)
                .isEmpty();
        assertThat(results)
                .filteredOn(result -> result.outcome() == CheckResult.Outcome.SKIP)
                .allSatisfy(result -> assertThat(result.reason()).isNotBlank());
        // On every real kernel, whatever its hardware.
        assertThat(passed(results)).contains("SYS-01", "SLOT-14", "TR-03", "DIRTY-04", "STAT-01", "SREG-01");
    }

    private static Set<String> passed(List<CheckResult> results) {
        Set<String> ids = new TreeSet<>();
        for (CheckResult result : results) {
            if (result.outcome() == CheckResult.Outcome.PASS) {
                ids.add(result.id());
            }
        }
        return ids;
    }

    @Test
    void onlySomeChecksRunIfAskedFor() {
        List<CheckResult> results = new ArrayList<>();
        try {
            Conformance.run(ConformanceKernel.linux(), Set.of("SYS-01", "SYS-10"), results::add);
        } catch (KernelUnavailableException absent) {
            abort("no KVM on this host: " + absent.getMessage());
        }

        assertThat(results).extracting(CheckResult::id).containsExactly("SYS-01", "SYS-10");
    }

    @Test
    void anUnknownIdIsRefusedBeforeAnythingRuns() {
        assertThatThrownBy(() -> Conformance.run(ConformanceKernel.linux(), Set.of("SYS-99"), result -> {
                    throw new AssertionError(result);
                }))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no such check: SYS-99");
    }
}
