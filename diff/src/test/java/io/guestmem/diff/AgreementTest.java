package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.KvmFile;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The software kernel agrees with the kernel of this host. The lab's kernels have a test in {@code house}. */
class AgreementTest {
    private static final long CALLS = 6_000;
    private static final Duration LONG = Duration.ofMinutes(10);

    private final LinuxKernel linux = new LinuxKernel();

    private SoftKernel twin() {
        try (KvmFile system = linux.open()) {
            return new SoftKernel(Twin.of(system));
        } catch (KernelUnavailableException absent) {
            return abort("no KVM on this host: " + absent.getMessage());
        }
    }

    /** What {@code guestmem diff} prints can stand here. */
    private void assertAgreement(Call... calls) {
        try (SoftKernel soft = twin()) {
            assertThat(difference(soft, linux, new Sequence(0, List.of(calls)))).isEmpty();
        }
    }

    private static Optional<String> difference(Kernel first, Kernel second, Sequence sequence) {
        try (Comparison comparison = new Comparison(first, second, Diff.scope(first, second))) {
            return comparison.compare(sequence).map(found -> found.describe(first.name(), second.name()));
        }
    }

    static Stream<Regressions.Regression> regressions() {
        return Regressions.all().stream();
    }

    @ParameterizedTest
    @MethodSource("regressions")
    void whatDifferedOnceAgreesOnThisHost(Regressions.Regression regression) {
        try (SoftKernel soft = twin()) {
            Scope scope = Diff.scope(soft, linux);
            assumeTrue(regression.isIn(scope), () -> "this host's kernel cannot show it: " + regression.name());

            assertThat(difference(soft, linux, regression.sequence()))
                    .as(regression.name())
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("regressions")
    void aRegressionDoesSomethingOnTheSoftwareKernel(Regressions.Regression regression) {
        SoftKernelOptions options = SoftKernelOptions.defaults();
        try (SoftKernel soft = new SoftKernel(options);
                Performer performer = new Performer(soft, new Scope(true, true, 3, 3, 46, false))) {
            assertThat(regression.calls().stream().map(performer::perform))
                    .as(regression.name())
                    .noneMatch(outcome -> outcome.result() == Outcome.NOTHING);
        }
    }

    @Test
    void aDirtyPageIsSeenOnceAndDevicesAnswer() {
        assertAgreement(
                new Call.CreateVm(0),
                new Call.CreateVcpu(0),
                new Call.SetRegion(1, 1, 0x100000L, 0x10000L, 0, 0),
                new Call.Run(GuestAccess.WRITE, 0, 0x103000L, 0x1000L, 2),
                new Call.Run(GuestAccess.ADD, 0, 0x200000L, 8, 1),
                new Call.GetDirtyLog(1),
                new Call.GetDirtyLog(1),
                new Call.Load(0, 0x4000L));
    }

    @Test
    void randomCallsAgreeOnThisHost() {
        try (SoftKernel soft = twin()) {
            DiffOutcome outcome = Diff.run(soft, linux, new DiffSettings(1, CALLS, LONG));

            assertThat(outcome.failure()
                            .map(found -> found.describe("soft", "linux")
                                    + found.sequence().java()))
                    .isEmpty();
            assertThat(outcome.once()).isEmpty();
            assertThat(outcome.calls()).isGreaterThanOrEqualTo(CALLS);
        }
    }
}
