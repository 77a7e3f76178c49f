package io.guestmem.shell;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.shell.FuzzSettings.Scope;
import io.guestmem.soft.SeededSchedule;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The fuzzer finds what a kernel does wrong, and says how to see it again. */
class FuzzerTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final long CALLS = 6000;

    private static FuzzOutcome fuzz(ToyKernel kernel, int threads) {
        return Fuzzer.run(
                kernel,
                new FuzzSettings(
                        1,
                        CALLS,
                        LIMIT,
                        threads,
                        Scope.SAFE,
                        () -> Map.of("files", (long) kernel.openFiles(), "memories", (long) kernel.memories.get()),
                        Optional.empty()));
    }

    @Test
    void aKernelThatDoesNothingWrongPasses() {
        FuzzOutcome outcome = fuzz(new ToyKernel(), 1);

        assertThat(outcome.failure()).as(outcome.text()).isEmpty();
        assertThat(outcome.calls()).isEqualTo(CALLS);
        assertThat(outcome.results().get("create_vm")).containsKey("ok");
        assertThat(outcome.results().get("pre_fault_memory")).containsOnlyKeys("EINVAL");
    }

    @Test
    void theSameSeedMakesTheSameCalls() {
        assertThat(fuzz(new ToyKernel(), 1).results())
                .isEqualTo(fuzz(new ToyKernel(), 1).results());
    }

    @Test
    void anExceptionIsFoundAndShrunkToTheCallsThatItTakes() {
        ToyKernel broken = new ToyKernel();
        broken.on(KvmIoctl.SET_NR_MMU_PAGES, (_, value) -> {
            if (value > 1000) {
                throw new IndexOutOfBoundsException("pages");
            }
            return 0;
        });

        FuzzOutcome.Failure failure = fuzz(broken, 1).failure().orElseThrow();

        assertThat(failure.what()).startsWith("set_nr_mmu_pages threw java.lang.IndexOutOfBoundsException: pages");
        assertThat(failure.reproduced()).isTrue();
        assertThat(failure.calls()).hasSize(2);
        assertThat(failure.calls().get(0)).startsWith("kvm create_vm ");
        assertThat(failure.calls().get(1)).startsWith("vm0 set_nr_mmu_pages 0x");
    }

    @Test
    void anAnswerThatIsNoErrnoIsFound() {
        ToyKernel broken = new ToyKernel();
        broken.on(KvmIoctl.GET_SUPPORTED_CPUID, (_, _) -> -4096);

        assertThat(fuzz(broken, 1).failure().orElseThrow().what())
                .isEqualTo("STRUCT answered -4096, which is neither a result nor an errno");
    }

    @Test
    void aLeakIsFound() {
        ToyKernel broken = new ToyKernel();
        AtomicInteger made = new AtomicInteger();
        broken.on(KvmIoctl.RESET_DIRTY_RINGS, (_, _) -> {
            made.set(broken.descriptor());
            return 0;
        });

        FuzzOutcome.Failure failure = fuzz(broken, 1).failure().orElseThrow();

        assertThat(failure.what()).startsWith("not given back: before {files=");
        assertThat(failure.calls()).hasSize(2).last().asString().startsWith("vm0 reset_dirty_rings");
    }

    @Test
    void aDescriptorThatIsGivenAwayTwiceIsFound() {
        ToyKernel broken = new ToyKernel();
        broken.on(KvmIoctl.GET_STATS_FD, (_, _) -> 77);

        assertThat(fuzz(broken, 1).failure().orElseThrow().what()).isEqualTo("descriptor 77 was given away twice");
    }

    @Test
    void manyThreadsShareTheFiles() {
        FuzzOutcome outcome = fuzz(new ToyKernel(), 4);

        assertThat(outcome.failure()).as(outcome.text()).isEmpty();
    }

    @Test
    void theRealKernelAnswersSafeCallsOnly() {
        Kernel kernel = HostKernel.get();

        FuzzOutcome outcome = Fuzzer.run(kernel, FuzzSettings.of(kernel, 1, CALLS, LIMIT, 2));

        assertThat(outcome.failure()).as(outcome.text()).isEmpty();
        assertThat(outcome.results()).doesNotContainKeys("run", "unknown request");
    }

    @Test
    void theSoftwareKernelSurvivesAMillionCalls() {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults())) {
            FuzzOutcome outcome = Fuzzer.run(kernel, FuzzSettings.of(kernel, 1, 1_000_000, Duration.ofMinutes(10), 1));

            assertThat(outcome.failure()).as(outcome.text()).isEmpty();
            assertThat(outcome.calls()).isEqualTo(1_000_000);
            assertThat(unexplained(outcome))
                    .as("answers without a reason in 'help'")
                    .isEmpty();
        }
    }

    /** What the kernel answered, to a file that knows the request or to another, and 'help' does not say. */
    private static List<String> unexplained(FuzzOutcome outcome) {
        Set<String> ofOtherFiles = Set.of("ok", "EINVAL", "ENOTTY", "EIO");
        List<String> unexplained = new ArrayList<>();
        for (KvmIoctl request : KvmIoctl.values()) {
            for (String answer : outcome.results()
                    .getOrDefault(Requests.name(request), new TreeMap<>())
                    .keySet()) {
                if (!ofOtherFiles.contains(answer) && !Reasons.has(request, answer)) {
                    unexplained.add(request + " " + answer);
                }
            }
        }
        return unexplained;
    }

    @ParameterizedTest
    @EnumSource
    void everyRequestHasItsReasons(KvmIoctl request) {
        assertThat(Reasons.knows(request)).isTrue();
        for (String reason : Reasons.of(request)) {
            assertThat(ErrorNumber.valueOf(reason.split(" ", 2)[0]).number()).isPositive();
        }
    }

    @Test
    void manyThreadsMakeTheSameCallsInTheSameOrderForOneSeed() {
        assertThat(scheduled(5).results())
                .isEqualTo(scheduled(5).results())
                .isNotEqualTo(scheduled(6).results());
    }

    private static FuzzOutcome scheduled(long seed) {
        SeededSchedule schedule = new SeededSchedule(seed);
        SoftKernelOptions watched =
                SoftKernelOptions.defaults().with().preFaultRetries(1000).build();
        try (SoftKernel kernel = new SoftKernel(watched, schedule, null)) {
            FuzzSettings settings = FuzzSettings.of(kernel, seed, CALLS, Duration.ofMinutes(10), 3)
                    .scheduledBy(schedule);
            FuzzOutcome outcome = Fuzzer.run(kernel, settings);
            assertThat(outcome.failure()).as(outcome.text()).isEmpty();
            return outcome;
        }
    }

    @Test
    void theSoftwareKernelSurvivesManyThreads() {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults())) {
            FuzzOutcome outcome = Fuzzer.run(kernel, FuzzSettings.of(kernel, 2, 100_000, Duration.ofMinutes(10), 4));

            assertThat(outcome.failure()).as(outcome.text()).isEmpty();
            assertThat(outcome.calls()).isEqualTo(100_000);
        }
    }
}
