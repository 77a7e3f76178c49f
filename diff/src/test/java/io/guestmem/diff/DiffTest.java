package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is compared with itself agrees; what is broken is found, and shown with the fewest calls. */
class DiffTest {
    private static final Duration LONG = Duration.ofMinutes(5);

    private static SoftKernel soft(KernelVersion version) {
        return new SoftKernel(
                SoftKernelOptions.defaults().with().kernelVersion(version).build());
    }

    private static DiffOutcome againstBroken(BrokenKernel.Defect defect) {
        try (SoftKernel good = soft(KernelVersion.V7_2);
                SoftKernel bad = soft(KernelVersion.V7_2)) {
            return Diff.run(good, new BrokenKernel(bad, defect), new DiffSettings(1, 50_000, LONG));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aKernelAgreesWithItself(KernelVersion version) {
        try (SoftKernel first = soft(version);
                SoftKernel second = soft(version)) {
            DiffOutcome outcome = Diff.run(first, second, new DiffSettings(1, 5_000, LONG));

            assertThat(outcome.failure()).isEmpty();
            assertThat(outcome.once()).isEmpty();
            assertThat(outcome.explained()).isEmpty();
            assertThat(outcome.calls()).isGreaterThanOrEqualTo(5_000);
        }
    }

    @Test
    void twoVersionsDiffer() {
        try (SoftKernel old = soft(KernelVersion.V6_18);
                SoftKernel young = soft(KernelVersion.V7_2)) {
            DiffOutcome outcome = Diff.run(old, young, new DiffSettings(1, 50_000, LONG));

            Difference found = outcome.failure().orElseThrow();
            assertThat(found.first()).isNotEqualTo(found.second());
        }
    }

    @Test
    void anotherErrnoIsFoundAndShrunk() {
        DiffOutcome outcome = againstBroken(
                (_, _, result) -> result == -ErrorNumber.EEXIST.number() ? -ErrorNumber.EINVAL.number() : result);

        Difference found = outcome.failure().orElseThrow();
        assertThat(found.what()).isEqualTo("result EEXIST EINVAL");
        assertThat(found.sequence().calls()).hasSizeLessThanOrEqualTo(4);
        assertThat(found.sequence().calls().getFirst()).isEqualTo(new Call.CreateVm(0));
        assertThat(found.position()).isEqualTo(found.sequence().calls().size() - 1);
    }

    @Test
    void anotherStructIsFoundAndShrunk() {
        DiffOutcome outcome = againstBroken((request, struct, result) -> {
            if (request == KvmIoctl.PRE_FAULT_MEMORY.code() && result == 0) {
                forget(struct);
            }
            return result;
        });

        Difference found = outcome.failure().orElseThrow();
        assertThat(found.what()).isEqualTo("left");
        List<Call> calls = found.sequence().calls();
        assertThat(calls).hasSizeLessThanOrEqualTo(4);
        assertThat(calls.getLast()).isInstanceOf(Call.PreFault.class);
    }

    /** The kernel does not say how much is left. */
    private static void forget(MemorySegment struct) {
        long left = struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE);
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, left + 4096);
    }

    @Test
    void aDifferenceIsToldWithBothOutcomesAndAsATest() {
        DiffOutcome outcome = againstBroken(
                (_, _, result) -> result == -ErrorNumber.ENOENT.number() ? -ErrorNumber.EINVAL.number() : result);

        Difference found = outcome.failure().orElseThrow();
        assertThat(found.describe("a soft", "b broken"))
                .contains("\n  a soft    ENOENT", "\n  b broken  EINVAL")
                .startsWith("call " + found.position() + ": new Call.");
        assertThat(found.sequence().java())
                .startsWith("    @Test\n    void seed")
                .contains("assertAgreement(\n            new Call.CreateVm(0)")
                .endsWith(");\n    }\n");
    }

    @Test
    void theTimeEndsAComparison() {
        try (SoftKernel first = soft(KernelVersion.V7_2);
                SoftKernel second = soft(KernelVersion.V7_2)) {
            DiffOutcome outcome = Diff.run(first, second, new DiffSettings(1, Long.MAX_VALUE, Duration.ZERO));

            assertThat(outcome.calls()).isZero();
            assertThat(outcome.sequences()).isZero();
        }
    }
}
