package io.guestmem.measure;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.measure.StepDifference.Kind;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Logs as text, and how two launches differ. */
class StepDifferenceTest {
    private static final LoggedStep FIRMWARE = step("NORMAL", 0xfffff000L, "a", "firmware");
    private static final LoggedStep MEMORY = step("ZERO", 0x1000, "", "section 0: SEC_MEM");
    private static final LoggedStep CPUID = step("CPUID", 0x2000, "", "section 1: CPUID");
    private static final LoggedStep FIRST = step("VMSA", SnpMeasurement.VMSA_GPA, "b", "vCPU 0");
    private static final LoggedStep SECOND = step("VMSA", SnpMeasurement.VMSA_GPA, "c", "vCPU 1");

    @Test
    void aLogIsReadAsItWasWritten() {
        List<LoggedStep> steps = List.of(FIRMWARE, MEMORY, CPUID, FIRST);
        List<String> lines = steps.stream().map(StepLog::line).toList();

        assertThat(StepLog.parse(lines)).isEqualTo(steps);
        assertThat(lines.get(1)).isEqualTo("ZERO 0x1000 4096 - " + "f".repeat(96) + " section 0: SEC_MEM");
        assertThat(StepLog.parse(List.of("technology  snp", "digest  abc", "", "steps 4")))
                .isEmpty();
    }

    @Test
    void equalLaunchesDoNotDiffer() {
        assertThat(StepDifference.between(List.of(FIRMWARE, MEMORY), List.of(FIRMWARE, MEMORY)))
                .isEmpty();
        assertThat(StepDifference.between(List.of(), List.of())).isEmpty();
    }

    @Test
    void statesAreNotCompared() {
        LoggedStep later = new LoggedStep("ZERO", 0x1000, 4096, "", "0".repeat(96), "other words");

        assertThat(StepDifference.between(List.of(FIRMWARE, MEMORY), List.of(FIRMWARE, later)))
                .isEmpty();
    }

    @Test
    void contentsChange() {
        LoggedStep other = step("NORMAL", 0xfffff000L, "d", "firmware");

        assertThat(StepDifference.between(List.of(FIRMWARE, MEMORY), List.of(other, MEMORY)))
                .containsExactly(difference(Kind.CHANGED, 0, FIRMWARE, other));
    }

    @Test
    void typesChange() {
        LoggedStep unmeasured = step("UNMEASURED", 0x1000, "", "section 0");

        assertThat(StepDifference.between(List.of(FIRMWARE, MEMORY, CPUID), List.of(FIRMWARE, unmeasured, CPUID)))
                .containsExactly(difference(Kind.CHANGED, 1, MEMORY, unmeasured));
    }

    @Test
    void stepsComeAndGo() {
        assertThat(StepDifference.between(List.of(FIRMWARE, FIRST), List.of(FIRMWARE, FIRST, SECOND)))
                .containsExactly(new StepDifference(Kind.ADDED, 2, Optional.empty(), Optional.of(SECOND)));
        assertThat(StepDifference.between(List.of(FIRMWARE, MEMORY, FIRST), List.of(FIRMWARE, FIRST)))
                .containsExactly(new StepDifference(Kind.REMOVED, 1, Optional.of(MEMORY), Optional.empty()));
    }

    @Test
    void theOrderChanges() {
        assertThat(StepDifference.between(List.of(CPUID, MEMORY, FIRST), List.of(MEMORY, CPUID, FIRST)))
                .containsExactly(difference(Kind.MOVED, 1, MEMORY, MEMORY));
    }

    private static StepDifference difference(Kind kind, int index, LoggedStep left, LoggedStep right) {
        return new StepDifference(kind, index, Optional.of(left), Optional.of(right));
    }

    private static LoggedStep step(String type, long gpa, String contents, String what) {
        return new LoggedStep(type, gpa, 4096, contents.repeat(96), "f".repeat(96), what);
    }
}
