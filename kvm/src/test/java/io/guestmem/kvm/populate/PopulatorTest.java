package io.guestmem.kvm.populate;

import static io.guestmem.kvm.populate.PopulateScene.PAGE;
import static io.guestmem.kvm.populate.PopulateScene.buffer;
import static io.guestmem.kvm.populate.PopulateScene.content;
import static io.guestmem.kvm.populate.PopulateScene.page;
import static io.guestmem.kvm.populate.PopulateScene.pages;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostProtection;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.populate.StepOutcome.Done;
import io.guestmem.kvm.populate.StepOutcome.PartlyDone;
import io.guestmem.kvm.populate.StepOutcome.Refused;
import io.guestmem.kvm.populate.StopReason.Kind;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.OpenMode;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the populator makes of a plan, on a kernel that has everything. */
class PopulatorTest {
    private static final Content ZERO = new Content.Zero();

    private final SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
    private final PopulateScene scene = new PopulateScene(kernel, 16);

    @TempDir
    Path directory;

    @AfterEach
    void close() {
        scene.close();
        kernel.close();
    }

    /** Whether KVM has mapped a page writable. */
    private boolean writable(long gfn) {
        return StageTwo.leaves(kernel).getOrDefault(gfn, "absent").startsWith("rw");
    }

    private static List<Long> counting(long from, int count) {
        return LongStream.range(from, from + count).boxed().toList();
    }

    @Test
    void mapsWhatIsThereBeforeTheGuestTouchesIt() {
        PopulationStep step = PopulationStep.map(pages(0, 16));

        PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(step));

        assertThat(outcome.steps()).containsExactly(new Done(step, Set.of()));
        assertThat(outcome.isComplete()).isTrue();
        assertThat(outcome.done()).isEqualTo(16 * PAGE);
        assertThat(outcome.left()).isEqualTo(PopulationPlan.of());
        assertThat(scene.mapped()).isEqualTo(16);
    }

    @Test
    void contentOfEveryKindArrivesAndIsMapped() throws IOException {
        Path file = directory.resolve("content");
        Files.write(file, content(4, 200).toArray(ValueLayout.JAVA_BYTE));
        try (FileDescriptor open = FileDescriptor.open(file, OpenMode.READ)) {
            PopulationOutcome outcome = scene.populator()
                    .run(PopulationPlan.of(
                            PopulationStep.of(pages(0, 2), buffer(2, 100)),
                            PopulationStep.of(pages(2, 2), new Content.File(file, 2 * PAGE)),
                            PopulationStep.of(pages(4, 3), new Content.Descriptor(open, PAGE)),
                            PopulationStep.of(
                                    pages(7, 1),
                                    new Content.Buffer(MemorySegment.ofArray(
                                            content(1, 300).toArray(ValueLayout.JAVA_LONG)))),
                            PopulationStep.of(pages(8, 2), ZERO)));

            assertThat(outcome.isComplete()).as(outcome.toString()).isTrue();
        }
        assertThat(scene.words(0, 10)).containsExactly(100L, 101L, 202L, 203L, 201L, 202L, 203L, 300L, 0L, 0L);
        assertThat(scene.mapped()).isEqualTo(10);
    }

    @Test
    void purposesDecideTheOrderAndThePlanTheRest() {
        RecordingTarget target = new RecordingTarget();
        PopulationPlan plan = PopulationPlan.of(
                PopulationStep.of(pages(0, 1), ZERO).with(Purpose.SNAPSHOT),
                PopulationStep.of(pages(1, 1), ZERO),
                PopulationStep.of(pages(2, 1), ZERO).with(Purpose.WORKING_SET),
                PopulationStep.of(pages(3, 1), ZERO));

        PopulationOutcome outcome = Populator.of(
                        GuestMemory.builder().target(pages(0, 16), target).build())
                .run(plan);

        assertThat(outcome.steps()).extracting(StepOutcome::step).isEqualTo(plan.steps());
        assertThat(target.calls()).containsExactly("zero 1 1", "zero 3 1", "zero 2 1", "zero 0 1");
    }

    @Test
    void aSnapshotComesBackWithItsWorkingSetFirst() {
        PopulationStep whole = PopulationStep.of(pages(0, 8), buffer(8, 100));

        PopulationPlan plan = PopulationPlan.restore(whole, List.of(pages(5, 1), pages(1, 2)));

        assertThat(plan.steps())
                .extracting(PopulationStep::range)
                .containsExactly(pages(5, 1), pages(1, 2), pages(0, 1), pages(3, 2), pages(6, 2));
        assertThat(plan.steps())
                .extracting(PopulationStep::purpose)
                .containsExactly(
                        Purpose.WORKING_SET, Purpose.WORKING_SET, Purpose.SNAPSHOT, Purpose.SNAPSHOT, Purpose.SNAPSHOT);
        assertThat(scene.populator().run(plan).isComplete()).isTrue();
        assertThat(scene.words(0, 8)).isEqualTo(counting(100, 8));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PopulationPlan.restore(whole, List.of(pages(7, 2))))
                .withMessageContaining("is not inside");
    }

    @Test
    void aPlanWithoutStepsIsCompleteAtOnce() {
        PopulationOutcome outcome = scene.populator().run(PopulationPlan.of());

        assertThat(outcome.isComplete()).isTrue();
        assertThat(outcome.done()).isZero();
    }

    @Test
    void rangesThatCannotBePopulatedAreRefusedEachWithItsRule() {
        PopulationStep empty = PopulationStep.map(pages(0, 0));
        PopulationStep unaligned = PopulationStep.map(GuestRange.of(PopulateScene.BASE + 1, PAGE));
        PopulationStep endless = PopulationStep.map(GuestRange.of(-PAGE, PAGE));
        PopulationStep good = PopulationStep.map(pages(3, 1));

        PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(empty, unaligned, endless, good));

        assertThat(outcome.steps())
                .containsExactly(
                        new Refused(
                                empty,
                                StopReason.of(Kind.MALFORMED, empty.range().start(), "the range is empty")),
                        new Refused(
                                unaligned,
                                StopReason.of(
                                        Kind.MALFORMED,
                                        unaligned.range().start(),
                                        "the range is not a multiple of 4096")),
                        new Refused(
                                endless,
                                StopReason.of(
                                        Kind.MALFORMED,
                                        endless.range().start(),
                                        "the range is not in guest-physical memory")),
                        new Done(good, Set.of()));
        assertThat(outcome.left()).as("mistakes are not left over").isEqualTo(PopulationPlan.of());
    }

    @Test
    void aPageBelongsToTheFirstStepThatNamesIt() {
        PopulationStep first = PopulationStep.of(pages(2, 4), buffer(4, 100)).with(Purpose.SNAPSHOT);
        PopulationStep tail = PopulationStep.of(pages(5, 3), buffer(3, 500));
        PopulationStep around = PopulationStep.of(pages(0, 16), ZERO);
        PopulationStep beside = PopulationStep.of(pages(6, 1), buffer(1, 700));

        PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(first, tail, around, beside));

        String rule = "an earlier step of the plan has it";
        assertThat(outcome.steps())
                .containsExactly(
                        new Done(first, Set.of()),
                        new Refused(tail, StopReason.of(Kind.OVERLAPS, page(5), rule)),
                        new Refused(around, StopReason.of(Kind.OVERLAPS, page(2), rule)),
                        new Done(beside, Set.of()));
        assertThat(scene.words(1, 7)).containsExactly(0L, 100L, 101L, 102L, 103L, 700L, 0L);
        assertThat(outcome.left()).isEqualTo(PopulationPlan.of());
    }

    @Test
    void aRangeThatLeavesItsMemslotIsRefusedBeforeAnythingIsDone() {
        PopulationStep step = PopulationStep.of(pages(14, 4), buffer(4, 100));

        PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(step));

        assertThat(outcome.steps())
                .containsExactly(
                        new Refused(step, StopReason.of(Kind.OUTSIDE_MEMSLOTS, page(16), "no memslot has it")));
        assertThat(scene.words(14, 2)).containsExactly(0L, 0L);
        assertThat(outcome.left()).isEqualTo(PopulationPlan.of(step));
    }

    @Test
    void aSourceThatEndsEarlyIsAnErrorAndNeverZeroes() throws IOException {
        Path file = directory.resolve("short");
        Files.write(file, new byte[(int) (2 * PAGE + 100)]);
        Files.write(file, content(2, 100).toArray(ValueLayout.JAVA_BYTE), StandardOpenOption.WRITE);
        scene.populator().run(PopulationPlan.of(PopulationStep.of(pages(0, 4), buffer(4, 900))));
        PopulationStep step = PopulationStep.of(pages(0, 4), new Content.File(file, 0));

        PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(step));

        StopReason ended = StopReason.of(Kind.SOURCE_ENDED, page(2), "the source has fewer bytes than the range");
        assertThat(outcome.steps())
                .containsExactly(new PartlyDone(
                        step,
                        0,
                        List.of(
                                PopulationStep.map(pages(0, 2)),
                                PopulationStep.of(pages(2, 2), new Content.File(file, 2 * PAGE))),
                        ended,
                        Set.of()));
        assertThat(scene.words(0, 4)).containsExactly(100L, 101L, 902L, 903L);
    }

    @Test
    void aSourceThatCannotBeReadIsTheStepsReasonWithItsErrno() {
        PopulationStep missing = PopulationStep.of(pages(0, 1), new Content.File(directory.resolve("no"), 0));
        PopulationStep folder = PopulationStep.of(pages(1, 1), new Content.File(directory, 0));
        PopulationStep good = PopulationStep.of(pages(2, 1), buffer(1, 5));

        PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(missing, folder, good));

        assertThat(outcome.steps().get(0)).isInstanceOfSatisfying(Refused.class, refused -> {
            assertThat(refused.reason().kind()).isEqualTo(Kind.SOURCE_FAILED);
            assertThat(refused.reason().errno()).hasValue(2);
            assertThat(refused.reason().what())
                    .contains("openat", directory.resolve("no").toString(), "ENOENT");
        });
        assertThat(outcome.steps().get(1)).isInstanceOfSatisfying(Refused.class, refused -> {
            assertThat(refused.reason().errno()).hasValue(21);
            assertThat(refused.reason().what()).contains("pread");
        });
        assertThat(outcome.steps().get(2)).isEqualTo(new Done(good, Set.of()));
    }

    @Test
    void whatIsLeftCanBeRunWhenTheReasonIsGone() {
        scene.memory.protect(HostProtection.NONE, 6 * PAGE, PAGE);
        PopulationStep step = PopulationStep.of(pages(0, 16), buffer(16, 100));
        Populator populator = scene.populator().withChunk(4 * PAGE);

        PopulationOutcome first = populator.run(PopulationPlan.of(step));

        // Chunks end at multiples of 4 pages from gpa 0, so the slot's first one has 3: 0-2, 3-6, 7-10, …
        assertThat(first.steps()).hasSize(1).first().isInstanceOfSatisfying(PartlyDone.class, part -> {
            assertThat(part.reason()).isEqualTo(StopReason.refused("write to host memory", page(6), 14));
            assertThat(part.done()).isEqualTo(3 * PAGE);
            assertThat(part.upTo()).isEqualTo(page(3));
            assertThat(part.left()).extracting(PopulationStep::range).containsExactly(pages(3, 3), pages(6, 10));
            assertThat(part.left()).extracting(PopulationStep::isMapOnly).containsExactly(true, false);
        });
        scene.memory.protect(HostProtection.READ_WRITE, 6 * PAGE, PAGE);
        // The guest has written meanwhile: what it wrote to finished pages stays.
        scene.memory.store(4 * PAGE, content(1, -1));

        PopulationOutcome second = populator.run(first.left());

        assertThat(second.isComplete()).as(second.toString()).isTrue();
        assertThat(scene.words(3, 5)).containsExactly(103L, -1L, 105L, 106L, 107L);
        assertThat(scene.words(15, 1)).containsExactly(115L);
        assertThat(scene.mapped()).isEqualTo(16);
    }

    @Test
    void twoVcpusDoWhatOneWouldDo() {
        long pages = 4096;
        try (PopulateScene large = new PopulateScene(kernel, pages)) {
            PopulationStep step = PopulationStep.of(pages(0, pages), buffer(pages, 1000));

            PopulationOutcome outcome = large.populator().run(PopulationPlan.of(step));

            assertThat(outcome.steps()).containsExactly(new Done(step, Set.of()));
            assertThat(outcome.threads()).isEqualTo(2);
            assertThat(large.words(0, pages)).isEqualTo(counting(1000, (int) pages));
            assertThat(large.mapped()).isEqualTo(pages);
        }
    }

    @Test
    void aSmallPlanIsNotWorthASecondThread() {
        assertThat(scene.populator().run(PopulationPlan.preFault(pages(0, 16))).threads())
                .isEqualTo(1);
    }

    @Test
    void writeAccessMakesTheHostsPagesWritableBeforeTheyAreMapped() {
        try (HostMemory untouched = kernel.allocate(4 * PAGE)) {
            Memslot slot = Memslot.of(1, new GuestPhysical(0x10000), untouched);
            scene.vm.set(slot);
            GuestMemory guest = GuestMemory.builder().slot(slot, untouched).build();
            Populator populator = Populator.of(scene.vm, guest, scene.vcpus);
            PopulationStep read = PopulationStep.map(GuestRange.of(0x10000, 2 * PAGE));
            PopulationStep write =
                    PopulationStep.map(GuestRange.of(0x12000, 2 * PAGE)).with(Access.WRITE);

            assertThat(populator.run(PopulationPlan.of(read, write)).isComplete())
                    .isTrue();

            assertThat(writable(0x10)).as("an untouched page is the zero page").isFalse();
            assertThat(writable(0x12)).isTrue();
            scene.vm.delete(slot);
        }
    }

    @Test
    void aBufferThatOnlyOneThreadMayReadIsRefusedAtOnce() {
        try (Arena confined = Arena.ofConfined()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Content.Buffer(confined.allocate(PAGE)))
                    .withMessageContaining("only one thread");
        }
    }

    @Test
    void aVcpuHasOneThread() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        Populator.of(scene.vm, scene.guest, List.of(scene.vcpus.getFirst(), scene.vcpus.getFirst())))
                .withMessageContaining("twice");
    }

    @Test
    void aPopulationRunsOnce() {
        Population population = scene.populator().prepare(PopulationPlan.of());
        population.run();

        assertThatIllegalStateException().isThrownBy(population::run);
    }
}
