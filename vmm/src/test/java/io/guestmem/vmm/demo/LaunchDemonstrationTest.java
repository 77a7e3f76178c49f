package io.guestmem.vmm.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.VmType;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Launches on a simulated host. */
class LaunchDemonstrationTest {
    private static final int PAGE = LaunchStep.PAGE;
    private static final int PAGES = 8;

    @TempDir
    private Path directory;

    private static SoftKernel kernel(VmType type) {
        return new SoftKernel(SoftKernelOptions.defaults()
                .with()
                .vmTypes(SoftKernelOptions.vmTypesWith(type))
                .build());
    }

    private static byte[] bytes() {
        byte[] bytes = new byte[PAGES * PAGE];
        new Random(1).nextBytes(bytes);
        return bytes;
    }

    private LaunchResult launch(VmType type) throws IOException {
        Path file = Files.write(directory.resolve("image"), bytes());
        try (SoftKernel kernel = kernel(type)) {
            return new LaunchDemonstration(kernel, type).image(file, PAGES * PAGE);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SEV", "SEV_ES", "SNP", "TDX"})
    void theKernelMeasuresWhatIsPredicted(VmType type) throws IOException {
        LaunchResult result = launch(type);

        String predicted = HexFormat.of()
                .formatHex(LaunchSource.image(type, MemorySegment.ofArray(bytes()))
                        .measure()
                        .digest());
        assertThat(result.verdict().predicted()).isEqualTo(predicted);
        assertThat(result.verdict().digest()).contains(predicted);
        assertThat(result.verdict().confirmed().isPresent()).isEqualTo(type != VmType.TDX);
        assertThat(result.steps()).allSatisfy(step -> {
            assertThat(step.done()).isEqualTo(step.size());
            assertThat(step.refusal()).isEmpty();
        });
        assertThat(result.refused()).isEmpty();
        assertThat(result.ok()).isTrue();
        assertThat(result.simulated()).isTrue();
    }

    @Test
    void sevMeasuresTheFile() throws Exception {
        byte[] sha = MessageDigest.getInstance("SHA-256").digest(bytes());

        assertThat(launch(VmType.SEV).verdict().digest())
                .contains(HexFormat.of().formatHex(sha));
    }

    @Test
    void pagesOfSnpBelongToTheGuestAndArePreFaultedAfterTheLaunch() throws IOException {
        List<LaunchResult.Moment> moments = launch(VmType.SNP).moments();

        assertThat(moments)
                .extracting(LaunchResult.Moment::pages)
                .containsExactly(Map.of(), Map.of("GUEST_VALID", 12L), Map.of("GUEST_VALID", 12L, "GUEST_INVALID", 4L));
        assertThat(moments).extracting(LaunchResult.Moment::preFaulted).containsExactly(0L, 0L, 16L * PAGE);
        assertThat(moments.get(1).refusal()).contains("EOPNOTSUPP at 0x0");
    }

    @Test
    void pagesOfATdAreMappedAndThoseWithoutContentAreItsOwnToAccept() throws IOException {
        assertThat(launch(VmType.TDX).moments())
                .extracting(LaunchResult.Moment::pages)
                .containsExactly(Map.of(), Map.of("MAPPED", 9L), Map.of("MAPPED", 9L, "PENDING", 4L));
    }

    @Test
    void firmwareRefusesToFinishWithAnotherDigest() {
        List<LaunchStep> steps = new ArrayList<>(
                LaunchSource.image(VmType.SNP, MemorySegment.ofArray(bytes())).steps());
        steps.set(
                steps.size() - 1,
                new LaunchStep.SnpPages(
                        SnpPageType.VMSA, SnpMeasurement.VMSA_GPA, PAGE, MemorySegment.NULL, "other registers"));
        LaunchPlan.Launches plan = new LaunchPlan.Launches(Technology.SNP, steps);

        LaunchResult result;
        try (SoftKernel kernel = kernel(VmType.SNP)) {
            result = new LaunchDemonstration(kernel, VmType.SNP).run(plan, "steps");
        }

        assertThat(result.refused())
                .contains("KVM_SEV_SNP_LAUNCH_FINISH: EIO (5), firmware status 0xb BAD_MEASUREMENT");
        assertThat(result.verdict().confirmed()).contains(false);
        assertThat(result.verdict().digest())
                .isPresent()
                .isNotEqualTo(result.verdict().predicted());
        assertThat(result.moments().getLast().when()).isEqualTo("without finish");
        assertThat(result.ok()).isFalse();
    }

    @Test
    void aRefusedPageEndsTheLaunchAndSaysHowFarItCame() {
        MemorySegment tables = MemorySegment.ofArray(new byte[2 * PAGE]);
        tables.set(ValueLayout.JAVA_INT_UNALIGNED, PAGE, 65);
        LaunchPlan.Launches plan = new LaunchPlan.Launches(
                Technology.SNP,
                List.of(
                        new LaunchStep.SnpPages(SnpPageType.CPUID, 0, 2 * PAGE, tables, "tables"),
                        new LaunchStep.SnpPages(SnpPageType.ZERO, 4 * PAGE, PAGE, MemorySegment.NULL, "zeroes")));

        LaunchResult result;
        try (SoftKernel kernel = kernel(VmType.SNP)) {
            result = new LaunchDemonstration(kernel, VmType.SNP).run(plan, "steps");
        }

        assertThat(result.steps().getFirst().refusal())
                .contains("KVM_SEV_SNP_LAUNCH_UPDATE (firmware status 0x16 INVALID_PARAM): EIO (5)");
        assertThat(result.steps().getLast().refusal()).contains("the population was cancelled");
        assertThat(result.moments().get(1).pages()).isEqualTo(Map.of("GUEST_VALID", 1L));
        assertThat(result.refused()).contains("not finished: the guest does not have all of its memory");
        assertThat(result.ok()).isFalse();
    }

    @Test
    void extendingAsASeparateOperationWasNeverMerged() {
        LaunchPlan.Launches plan = new LaunchPlan.Launches(
                Technology.TDX, List.of(new LaunchStep.TdxExtend(0, PAGE, MemorySegment.NULL, "section 0")));
        try (SoftKernel kernel = kernel(VmType.TDX)) {
            LaunchDemonstration demonstration = new LaunchDemonstration(kernel, VmType.TDX);

            assertThatThrownBy(() -> demonstration.run(plan, "steps"))
                    .isInstanceOf(PopulationException.class)
                    .hasMessageStartingWith("KVM_TDX_EXTEND_MEMORY of section 0: never merged");
        }
    }

    @Test
    void aKernelWithoutTheTypeIsNamed() {
        try (SoftKernel kernel = kernel(VmType.TDX)) {
            assertThat(LaunchDemonstration.lacking(kernel, VmType.TDX)).isEmpty();
            assertThat(LaunchDemonstration.lacking(kernel, VmType.SNP))
                    .contains("KVM_CAP_VM_TYPES: the kernel soft makes no VM of type snp");
            assertThatThrownBy(() -> new LaunchDemonstration(kernel, VmType.SNP)
                            .run(LaunchSource.image(VmType.SNP, MemorySegment.ofArray(bytes())), "bytes"))
                    .isInstanceOf(UnavailableVmTypeException.class);
        }
        assertThatThrownBy(() -> new LaunchDemonstration(new LinuxKernel(), VmType.DEFAULT))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @EnumSource(names = {"SEV", "SEV_ES", "SNP", "TDX"})
    void theRealKernelSaysWhyNotOrDoesTheSame(VmType type) throws IOException {
        LinuxKernel kernel = new LinuxKernel();
        LaunchDemonstration.lacking(kernel, type)
                .ifPresent(reason -> assertThat(reason).containsAnyOf("KVM_CAP_VM_TYPES", "/dev/sev", "/dev/kvm"));
        assumeTrue(
                LaunchDemonstration.lacking(kernel, type).isEmpty(),
                () -> "no launch here: "
                        + LaunchDemonstration.lacking(kernel, type).orElse(""));

        Path file = Files.write(directory.resolve("image"), bytes());
        assertThat(new LaunchDemonstration(kernel, type)
                        .image(file, PAGES * PAGE)
                        .ok())
                .isTrue();
    }
}
