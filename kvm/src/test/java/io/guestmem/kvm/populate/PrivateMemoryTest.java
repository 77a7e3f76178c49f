package io.guestmem.kvm.populate;

import static io.guestmem.kvm.populate.PopulateScene.PAGE;
import static io.guestmem.kvm.populate.PopulateScene.buffer;
import static io.guestmem.kvm.populate.PopulateScene.content;
import static io.guestmem.kvm.populate.PopulateScene.page;
import static io.guestmem.kvm.populate.PopulateScene.pages;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.GuestMemfd;
import io.guestmem.kvm.GuestMemfd.Flag;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.populate.StepOutcome.Done;
import io.guestmem.kvm.populate.StepOutcome.PartlyDone;
import io.guestmem.kvm.populate.StepOutcome.Refused;
import io.guestmem.kvm.populate.StopReason.Kind;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.SoftKernelOptions.ProposalRules;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Private memory: by KVM_GUEST_MEMFD_POPULATE, and by what a kernel has without it. */
class PrivateMemoryTest {
    private static final Set<Flag> MAPPABLE = EnumSet.of(Flag.MMAP, Flag.INIT_SHARED);

    private static SoftKernel kernel(ProposalRules rules) {
        return new SoftKernel(
                SoftKernelOptions.defaults().with().proposalRules(rules).build());
    }

    /** Content, zeroes, content again over a part of it, only mapping, nothing behind, and content that ends early. */
    private static PopulationPlan plan() {
        return PopulationPlan.of(
                PopulationStep.of(pages(0, 4), buffer(4, 100)).with(Flavour.PRIVATE),
                PopulationStep.of(pages(4, 2), new Content.Zero()).with(Flavour.PRIVATE),
                PopulationStep.of(pages(3, 2), buffer(2, 900)).with(Flavour.PRIVATE),
                PopulationStep.map(pages(6, 2)).with(Flavour.PRIVATE),
                PopulationStep.of(pages(8, 4), buffer(2, 200)).with(Flavour.PRIVATE),
                PopulationStep.of(pages(15, 2), buffer(2, 300)).with(Flavour.PRIVATE));
    }

    /** The first 8 bytes of pages of a guest_memfd that the host may map. */
    private static List<Long> words(PopulateScene scene, long count) {
        List<Long> words = new ArrayList<>();
        Memslot.Backing backing = scene.slot.backing().orElseThrow();
        try (HostMemory mapping = backing.file().map(0, backing.file().size())) {
            MemorySegment word = Arena.ofAuto().allocate(ValueLayout.JAVA_LONG);
            for (long i = 0; i < count; i++) {
                assertThat(mapping.load(i * PAGE, word)).isZero();
                words.add(word.get(ValueLayout.JAVA_LONG, 0));
            }
        }
        return words;
    }

    private static List<String> shape(PopulationOutcome outcome) {
        return outcome.steps().stream()
                .map(step -> switch (step) {
                    case Done done -> "done " + done.shortfalls();
                    case PartlyDone part -> "partly " + part.done() + " " + part.reason() + " " + part.left();
                    case Refused refused -> "refused " + refused.reason();
                })
                .toList();
    }

    @ParameterizedTest
    @EnumSource(ProposalRules.class)
    void thePlanEndsTheSameNativelyAndOverAMappedGuestMemfd(ProposalRules rules) {
        PopulationPlan plan = plan();
        try (SoftKernel kernel = kernel(rules);
                PopulateScene natively = new PopulateScene(kernel, VmType.SW_PROTECTED, 16, Set.of());
                PopulateScene mapped = new PopulateScene(kernel, VmType.DEFAULT, 16, MAPPABLE)) {
            PopulationOutcome first = natively.populator().run(plan);
            GuestMemory onlyFile = GuestMemory.builder()
                    .target(
                            mapped.slot.range(),
                            new GuestMemfdTarget(
                                    mapped.slot.backing().orElseThrow().file(), 0, true))
                    .build();
            PopulationOutcome second =
                    Populator.of(mapped.vm, onlyFile, mapped.vcpus).run(plan);

            assertThat(shape(first)).isEqualTo(shape(second));
            assertThat(first.steps().get(0)).isInstanceOf(Done.class);
            assertThat(first.steps().get(4)).isInstanceOf(PartlyDone.class);
            assertThat(words(mapped, 10)).containsExactly(100L, 101L, 102L, 103L, 0L, 0L, 0L, 0L, 200L, 201L);
            assertThat(natively.mapped()).isEqualTo(mapped.mapped()).isEqualTo(8);
        }
    }

    @Test
    void aPageIsNotPopulatedTwice() {
        try (SoftKernel kernel = kernel(ProposalRules.AS_CODED);
                PopulateScene natively = new PopulateScene(kernel, VmType.SW_PROTECTED, 16, Set.of());
                PopulateScene mapped = new PopulateScene(kernel, VmType.DEFAULT, 16, MAPPABLE)) {
            PopulationStep once = PopulationStep.of(pages(2, 2), buffer(2, 100)).with(Flavour.PRIVATE);
            PopulationStep again =
                    PopulationStep.of(pages(0, 4), buffer(4, 900)).with(Flavour.PRIVATE);
            GuestMemfd file = mapped.slot.backing().orElseThrow().file();
            GuestMemory onlyFile = GuestMemory.builder()
                    .target(mapped.slot.range(), new GuestMemfdTarget(file, 0, true))
                    .build();
            for (Populator populator : List.of(natively.populator(), Populator.of(mapped.vm, onlyFile, mapped.vcpus))) {
                assertThat(populator.run(PopulationPlan.of(once)).isComplete()).isTrue();

                StepOutcome outcome =
                        populator.run(PopulationPlan.of(again)).steps().getFirst();

                assertThat(outcome).isInstanceOfSatisfying(PartlyDone.class, part -> {
                    assertThat(part.reason().kind()).isEqualTo(Kind.REFUSED);
                    assertThat(part.reason().at()).isEqualTo(page(2));
                    assertThat(part.reason().errno()).as("EEXIST").hasValue(17);
                });
            }
            assertThat(words(mapped, 4)).containsExactly(900L, 901L, 100L, 101L);
            file.punchHole(0, 4 * PAGE);
            assertThat(Populator.of(mapped.vm, onlyFile, mapped.vcpus)
                            .run(PopulationPlan.of(again))
                            .isComplete())
                    .isTrue();
            assertThat(words(mapped, 4)).containsExactly(900L, 901L, 902L, 903L);
        }
    }

    @Test
    void stepsGiveTheirRangesTheirFlavours() {
        try (SoftKernel kernel = kernel(ProposalRules.AS_CODED);
                PopulateScene scene = new PopulateScene(kernel, VmType.SW_PROTECTED, 16, Set.of())) {
            scene.vm.setPrivate(pages(8, 8), true);

            PopulationOutcome outcome = scene.populator()
                    .run(PopulationPlan.of(
                            PopulationStep.map(pages(0, 4)).with(Flavour.PRIVATE),
                            PopulationStep.of(pages(8, 2), buffer(2, 50))));

            assertThat(outcome.isComplete()).as(outcome.toString()).isTrue();
            Vm vm = scene.vm;
            assertThat(vm.uniform(pages(0, 16), true)).isEqualTo(4 * PAGE);
            assertThat(vm.uniform(pages(4, 12), false)).isEqualTo(6 * PAGE);
            assertThat(vm.uniform(pages(10, 6), true)).isEqualTo(6 * PAGE);
            assertThat(scene.words(8, 2)).containsExactly(50L, 51L);
        }
    }

    @Test
    void withoutAGuestMemfdPrivateMemoryIsNotPossible() {
        try (SoftKernel kernel = kernel(ProposalRules.AS_CODED);
                PopulateScene scene = new PopulateScene(kernel, 16)) {
            PopulationStep step = PopulationStep.of(pages(0, 1), buffer(1, 1)).with(Flavour.PRIVATE);

            assertThat(scene.populator().run(PopulationPlan.of(step)).steps())
                    .containsExactly(new Refused(
                            step,
                            StopReason.of(
                                    Kind.NOT_POSSIBLE, page(0), "the memslot has no guest_memfd for private memory")));
        }
    }

    @Test
    void aKernelWithNoWayIntoPrivateMemorySaysSoButZeroesAndMapsIt() {
        try (SoftKernel kernel = kernel(ProposalRules.AS_CODED);
                PopulateScene scene = new PopulateScene(kernel, VmType.SW_PROTECTED, 16, Set.of())) {
            GuestMemfd file = scene.slot.backing().orElseThrow().file();
            GuestMemory onlyFile = GuestMemory.builder()
                    .target(scene.slot.range(), new GuestMemfdTarget(file, 0, true))
                    .build();
            PopulationStep copied = PopulationStep.of(pages(0, 1), buffer(1, 1)).with(Flavour.PRIVATE);
            PopulationStep zeroed =
                    PopulationStep.of(pages(1, 1), new Content.Zero()).with(Flavour.PRIVATE);

            PopulationOutcome outcome =
                    Populator.of(scene.vm, onlyFile, scene.vcpus).run(PopulationPlan.of(copied, zeroed));

            assertThat(outcome.steps())
                    .containsExactly(
                            new Refused(
                                    copied,
                                    StopReason.of(
                                            Kind.NOT_POSSIBLE,
                                            page(0),
                                            "this kernel has none of: write to guest_memfd")),
                            new Done(zeroed, Set.of()));
            assertThat(file.write(0, content(1, 5))).as("ENOTTY").isEqualTo(-25);
        }
    }

    @Test
    void aVendorsWayIsTriedFirstAndTheNextIfItIsNotThere() {
        RecordingTarget present = new RecordingTarget();
        RecordingTarget absent = new RecordingTarget(_ -> -25);
        try (SoftKernel kernel = kernel(ProposalRules.AS_CODED);
                PopulateScene scene = new PopulateScene(kernel, VmType.SW_PROTECTED, 16, Set.of())) {
            PopulationStep first = PopulationStep.of(pages(0, 2), buffer(2, 1)).with(Flavour.PRIVATE);
            PopulationStep second = PopulationStep.of(pages(4, 2), buffer(2, 1)).with(Flavour.PRIVATE);

            assertThat(run(scene, first, present)).isEqualTo(new Done(first, Set.of()));
            assertThat(run(scene, second, absent)).isEqualTo(new Done(second, Set.of()));
        }
        assertThat(present.calls()).containsExactly("write 0 2");
        assertThat(absent.calls()).as("it is not asked again").containsExactly("write 4 2");
    }

    private static StepOutcome run(PopulateScene scene, PopulationStep step, PopulationTarget vendor) {
        GuestMemory guest = GuestMemory.builder()
                .slot(scene.slot, scene.memory, List.of(vendor))
                .build();
        return Populator.of(scene.vm, guest, scene.vcpus)
                .run(PopulationPlan.of(step))
                .steps()
                .getFirst();
    }

    @Test
    void aGuestMemfdMadeToBeMappedTakesSharedContentToo() {
        try (SoftKernel kernel = kernel(ProposalRules.AS_CODED);
                PopulateScene scene = new PopulateScene(kernel, VmType.DEFAULT, 16, MAPPABLE)) {
            PopulationStep step = PopulationStep.of(pages(0, 2), buffer(2, 100));

            assertThat(scene.populator().run(PopulationPlan.of(step)).isComplete())
                    .isTrue();
            assertThat(scene.populator().run(PopulationPlan.of(step)).isComplete())
                    .as("shared memory may be written again")
                    .isTrue();

            assertThat(words(scene, 3)).containsExactly(100L, 101L, 0L);
            assertThat(scene.words(0, 2)).as("nobody looks there").containsExactly(0L, 0L);
        }
    }
}
