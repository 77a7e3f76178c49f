package io.guestmem.kvm.launch;

import static io.guestmem.kvm.launch.LaunchScene.BASE;
import static io.guestmem.kvm.launch.LaunchScene.PAGE;
import static io.guestmem.kvm.launch.LaunchScene.content;
import static io.guestmem.kvm.launch.LaunchScene.page;
import static io.guestmem.kvm.launch.LaunchScene.pages;
import static io.guestmem.kvm.launch.LaunchScene.words;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.populate.Content;
import io.guestmem.kvm.populate.Flavour;
import io.guestmem.kvm.populate.Measured;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.kvm.populate.PopulationStep;
import io.guestmem.kvm.populate.StepOutcome;
import io.guestmem.kvm.populate.StopReason;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.Measurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.soft.LaunchSnapshot.Page;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The populator gives memory to guests whose launch is measured. The firmware is the software kernel's. */
class LaunchPopulationTest {
    private static String measured(Technology technology, LaunchStep... steps) {
        Measurement measurement = Measurement.of(technology);
        for (LaunchStep step : steps) {
            measurement.apply(step);
        }
        return HexFormat.of().formatHex(measurement.digest());
    }

    @Test
    void stepsBecomePagesOfTheirTypeAndAreMeasuredInTheirOrder() {
        try (LaunchScene scene = new LaunchScene(VmType.SNP)) {
            PopulationOutcome outcome = scene.run(
                    scene.step(4, 2, 7),
                    scene.step(0, 1, 1),
                    scene.step(PopulationStep.of(pages(1, 1), new Content.Zero())),
                    scene.step(2, 1, 3).with(Measured.PLACE),
                    scene.step(PopulationStep.of(pages(8, 1), new Content.Zero()))
                            .with(Measured.SECRETS),
                    scene.step(PopulationStep.of(pages(9, 1), new Content.Zero()))
                            .with(Measured.CPUID));

            assertThat(words(outcome)).containsOnly("done [NOT_IN_STAGE_TWO]");
            assertThat(outcome.threads()).isOne();
            assertThat(scene.launch().digest())
                    .isEqualTo(measured(
                            Technology.SNP,
                            snp(SnpPageType.NORMAL, 4, content(2, 7)),
                            snp(SnpPageType.NORMAL, 0, content(1, 1)),
                            snp(SnpPageType.ZERO, 1, MemorySegment.NULL),
                            snp(SnpPageType.UNMEASURED, 2, MemorySegment.NULL),
                            snp(SnpPageType.SECRETS, 8, MemorySegment.NULL),
                            snp(SnpPageType.CPUID, 9, MemorySegment.NULL)));
        }
    }

    private static LaunchStep snp(SnpPageType type, long page, MemorySegment content) {
        return new LaunchStep.SnpPages(type, page(page).value(), Math.max(PAGE, content.byteSize()), content, "");
    }

    @Test
    void extendingIsAFlagOfAdding() {
        try (LaunchScene scene = new LaunchScene(VmType.TDX)) {
            PopulationOutcome outcome =
                    scene.run(scene.step(2, 1, 5), scene.step(0, 2, 8).with(Measured.PLACE));

            assertThat(words(outcome)).containsOnly("done [NOT_IN_STAGE_TWO]");
            assertThat(scene.launch().digest())
                    .isEqualTo(measured(
                            Technology.TDX,
                            new LaunchStep.TdxPages(page(2).value(), PAGE, content(1, 5), true, ""),
                            new LaunchStep.TdxPages(page(0).value(), 2 * PAGE, content(2, 8), false, "")));
        }
    }

    @Test
    void extendingAsAnOperationOfItsOwnGivesTheOtherMeasurement() {
        try (LaunchScene scene = new LaunchScene(VmType.TDX)) {
            scene.run(scene.step(0, 2, 8).with(Measured.PLACE));

            UpdateResult all = scene.tdx().extendMemory(pages(0, 2));
            UpdateResult tooFar = scene.tdx().extendMemory(pages(1, 2));
            UpdateResult nothing = scene.tdx().extendMemory(pages(2, 1));

            assertThat(all).isEqualTo(new UpdateResult(2 * PAGE, new CommandResult.Done()));
            assertThat(tooFar.done()).isEqualTo(PAGE);
            assertThat(tooFar.result().toString()).startsWith("KVM_TDX_EXTEND_MEMORY: EAGAIN (11)");
            assertThat(nothing.done()).isZero();
            assertThat(nothing.result().toString()).startsWith("KVM_TDX_EXTEND_MEMORY: EIO (5)");
            assertThat(scene.launch().digest())
                    .isEqualTo(measured(
                            Technology.TDX,
                            new LaunchStep.TdxPages(page(0).value(), 2 * PAGE, content(2, 8), false, ""),
                            new LaunchStep.TdxExtend(page(0).value(), 2 * PAGE, content(2, 8), ""),
                            new LaunchStep.TdxExtend(page(1).value(), PAGE, content(1, 9), "")));
            scene.tdx().finalizeVm().orThrow();
            assertThat(scene.tdx().extendMemory(pages(0, 1)).result().toString())
                    .startsWith("KVM_TDX_EXTEND_MEMORY: EINVAL (22)");
        }
    }

    @Test
    void sevEncryptsInPlaceAndMeasuresOneStream() {
        try (LaunchScene scene = new LaunchScene(VmType.SEV)) {
            PopulationOutcome outcome =
                    scene.run(scene.step(2, 1, 5), scene.step(PopulationStep.of(pages(0, 1), new Content.Zero())));

            assertThat(words(outcome)).as("pre-faults work from the beginning").containsOnly("done []");
            assertThat(scene.launch().digest())
                    .isEqualTo(measured(
                            Technology.SEV,
                            new LaunchStep.SevData(0, content(1, 5), ""),
                            new LaunchStep.SevData(0, MemorySegment.ofArray(new byte[(int) PAGE]), "")));
            MemorySegment atRest = MemorySegment.ofArray(new byte[(int) PAGE]);
            assertThat(scene.memory.load(2 * PAGE, atRest)).isZero();
            assertThat(atRest.mismatch(content(1, 5))).as("ciphertext").isNotEqualTo(-1);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SNP", "TDX"})
    void whatIsGivenTwiceStopsTheStepThereAndTheStepsBehindIt(VmType type) {
        try (LaunchScene scene = new LaunchScene(type)) {
            assertThat(scene.run(scene.step(2, 1, 9)).isComplete()).isTrue();
            String before = scene.launch().digest();

            PopulationOutcome outcome = scene.run(scene.step(0, 4, 1), scene.step(8, 1, 2));

            String call = type == VmType.SNP ? "KVM_SEV_SNP_LAUNCH_UPDATE" : "KVM_TDX_INIT_MEM_REGION";
            assertThat(words(outcome))
                    .containsExactly(
                            "partly: " + call + ": EIO (5) at " + page(2), "refused: the population was cancelled");
            assertThat(outcome.left().steps())
                    .extracting(PopulationStep::range)
                    .containsExactly(pages(0, 2), pages(2, 2), pages(8, 1));
            assertThat(scene.launch().digest()).isNotEqualTo(before);
            assertThat(scene.launch().pages())
                    .extracting(Page::gpa)
                    .containsExactly(BASE, BASE + PAGE, BASE + 2 * PAGE);
        }
    }

    @Test
    void aPlanWithAStepThatCannotBeDoneGivesNothing() {
        try (LaunchScene scene = new LaunchScene(VmType.SNP)) {
            PopulationOutcome outcome = scene.run(scene.step(0, 2, 1), scene.step(1, 2, 7), scene.step(4, 1, 3));

            assertThat(words(outcome))
                    .containsExactly(
                            "refused: the population was cancelled",
                            "refused: an earlier step of the plan has it",
                            "refused: the population was cancelled");
            assertThat(scene.launch().pages()).isEmpty();
        }
    }

    @Test
    void theFirmwaresObjectionIsInTheReason() {
        try (LaunchScene scene = new LaunchScene(VmType.SNP)) {
            MemorySegment table = content(1, 0).fill((byte) 0);
            table.set(ValueLayout.JAVA_INT, 0, 65);
            PopulationStep wrong = scene.step(PopulationStep.of(pages(0, 1), new Content.Buffer(table)))
                    .with(Measured.CPUID);

            assertThat(words(scene.run(wrong)))
                    .containsExactly(
                            "refused: KVM_SEV_SNP_LAUNCH_UPDATE (firmware status 0x16 INVALID_PARAM): EIO (5)");
        }
        try (LaunchScene scene = new LaunchScene(VmType.SEV)) {
            scene.sev().launchMeasure();

            assertThat(words(scene.run(scene.step(0, 1, 1))))
                    .containsExactly(
                            "refused: KVM_SEV_LAUNCH_UPDATE_DATA (firmware status 0x2 INVALID_GUEST_STATE): EIO (5)");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SNP", "TDX", "SEV"})
    void whoeverIsBusyIsAskedAgain(VmType type) {
        try (LaunchScene scene = new LaunchScene(type)) {
            scene.kernel.commands = 0;
            scene.kernel.next(-(long) ErrorNumber.EAGAIN.number(), -(long) ErrorNumber.EINTR.number());

            PopulationOutcome outcome = scene.run(scene.step(0, 1, 1));

            assertThat(outcome.isComplete()).isTrue();
            assertThat(scene.kernel.commands).isEqualTo(3);
        }
    }

    @Test
    void aTechnologyWithoutAKindOfPageSaysSo() {
        try (LaunchScene scene = new LaunchScene(VmType.TDX)) {
            assertThat(words(scene.run(scene.step(0, 1, 1).with(Measured.SECRETS))))
                    .containsExactly("refused: KVM_TDX_INIT_MEM_REGION: EOPNOTSUPP (95)");
        }
        try (LaunchScene scene = new LaunchScene(VmType.SEV)) {
            assertThat(words(scene.run(scene.step(0, 1, 1).with(Measured.PLACE))))
                    .containsExactly("refused: KVM_SEV_LAUNCH_UPDATE_DATA: EOPNOTSUPP (95)");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SNP", "TDX"})
    void memoryIsPreFaultedWhenTheLaunchIsOver(VmType type) {
        try (LaunchScene scene = new LaunchScene(type)) {
            assertThat(scene.run(scene.step(0, 2, 1)).isComplete()).isTrue();
            assertThat(scene.vcpu.preFault(pages(0, 2)))
                    .isEqualTo(new PreFaultResult.Refused(0, page(0), ErrorNumber.EOPNOTSUPP));

            CommandResult finished = type == VmType.SNP
                    ? scene.snp().launchFinish(Optional.empty())
                    : scene.tdx().finalizeVm();
            assertThat(finished).isEqualTo(new CommandResult.Done());

            PopulationOutcome outcome =
                    scene.run(PopulationStep.map(pages(0, 4)).with(Flavour.PRIVATE));
            assertThat(words(outcome)).containsExactly("done []");
            String populated = type == VmType.SNP ? "GUEST_VALID" : "MAPPED";
            String faulted = type == VmType.SNP ? "GUEST_INVALID" : "PENDING";
            assertThat(scene.launch().pages())
                    .extracting(Page::state)
                    .containsExactly(populated, populated, faulted, faulted);
            StepOutcome late = scene.run(scene.step(8, 1, 1)).steps().getFirst();
            assertThat(late).isInstanceOf(StepOutcome.Refused.class);
            assertThat(((StepOutcome.Refused) late).reason().kind()).isEqualTo(StopReason.Kind.REFUSED);
        }
    }
}
