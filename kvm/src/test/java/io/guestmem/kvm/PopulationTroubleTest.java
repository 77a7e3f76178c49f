package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.ScriptedKernel.Answer;
import io.guestmem.kvm.populate.Content;
import io.guestmem.kvm.populate.GuestMemory;
import io.guestmem.kvm.populate.Population;
import io.guestmem.kvm.populate.PopulationOutcome;
import io.guestmem.kvm.populate.PopulationPlan;
import io.guestmem.kvm.populate.PopulationStep;
import io.guestmem.kvm.populate.Populator;
import io.guestmem.kvm.populate.Shortfall;
import io.guestmem.kvm.populate.StepOutcome.Done;
import io.guestmem.kvm.populate.StepOutcome.PartlyDone;
import io.guestmem.kvm.populate.StepOutcome.Refused;
import io.guestmem.kvm.populate.StopReason;
import io.guestmem.kvm.populate.StopReason.Kind;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.Sharing;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A populator in trouble: kernels that are busy for ever, interrupt for ever, refuse, or are closed under its hands. */
class PopulationTroubleTest {
    private static final long PAGE = GuestPhysical.PAGE_SIZE;
    private static final GuestRange ALL = GuestRange.of(0, 8 * PAGE);

    private final ScriptedKernel kernel = new ScriptedKernel();
    private final Kvm kvm = Kvm.open(kernel);
    private final Vm vm = kvm.createVm(VmType.DEFAULT);
    private final Vcpu vcpu = vm.createVcpu(0);
    private final MappedHostMemory memory = new MappedHostMemory(Mapping.anonymous(ALL.size(), Sharing.PRIVATE));
    private final GuestMemory guest =
            GuestMemory.builder().memory(ALL.start(), memory).build();

    /** A chunk a page, so that every page is one request. */
    private final Populator populator =
            Populator.of(vm, guest, List.of(vcpu)).withChunk(PAGE).with(Duration.ofMillis(1));

    @TempDir
    Path directory;

    @AfterEach
    void close() {
        kvm.close();
        memory.close();
        assertThat(kernel.unused()).isZero();
    }

    /** Maps all that is asked for. */
    private static long map(MemorySegment struct) {
        long size = struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE);
        long gpa = struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA);
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, gpa + size);
        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, 0);
        return 0;
    }

    private void answers(Answer... answers) {
        kernel.on(KvmIoctl.PRE_FAULT_MEMORY, answers);
    }

    private PopulationOutcome run() {
        return populator.run(PopulationPlan.preFault(ALL));
    }

    private static PopulationStep step(long first, long pages) {
        return PopulationStep.map(GuestRange.of(first * PAGE, pages * PAGE));
    }

    /** The outcome of a population that mapped pages up to some number. */
    private static PartlyDone upTo(long pages, StopReason reason) {
        return new PartlyDone(step(0, 8), pages * PAGE, List.of(step(pages, 8 - pages)), reason, Set.of());
    }

    private static StopReason refused(Kind kind, long page, ErrorNumber errno) {
        GuestPhysical at = new GuestPhysical(page * PAGE);
        return new StopReason(
                kind,
                at,
                OptionalInt.of(errno.number()),
                "KVM_PRE_FAULT_MEMORY: " + errno + " (" + errno.number() + ")");
    }

    private static StopReason stopped(Kind kind, long page, String what) {
        return new StopReason(kind, new GuestPhysical(page * PAGE), OptionalInt.empty(), what);
    }

    @Test
    void eagainForEverIsBusyWhenPatienceEndsAndCanBeResumed() {
        answers(PopulationTroubleTest::map, PopulationTroubleTest::map);
        kernel.otherwise(KvmIoctl.PRE_FAULT_MEMORY, Answer.of(-ErrorNumber.EAGAIN.number()));

        PopulationOutcome outcome = run();

        assertThat(outcome.steps()).containsExactly(upTo(2, refused(Kind.BUSY, 2, ErrorNumber.EAGAIN)));
        kernel.otherwise(KvmIoctl.PRE_FAULT_MEMORY, PopulationTroubleTest::map);
        assertThat(populator.run(outcome.left()).steps()).containsExactly(new Done(step(2, 6), Set.of()));
    }

    @Test
    void aStormOfSignalsEndsToo() {
        answers(PopulationTroubleTest::map);
        kernel.otherwise(KvmIoctl.PRE_FAULT_MEMORY, Answer.of(-ErrorNumber.EINTR.number()));

        assertThat(run().steps()).containsExactly(upTo(1, refused(Kind.BUSY, 1, ErrorNumber.EINTR)));
    }

    @ParameterizedTest
    @EnumSource(names = {"ENOENT", "EFAULT", "EHWPOISON", "EIO", "ENOMEM"})
    void whatTheKernelRefusesIsTheReasonWithItsErrno(ErrorNumber errno) {
        answers(PopulationTroubleTest::map, Answer.of(-errno.number()));

        assertThat(run().steps()).containsExactly(upTo(1, refused(Kind.REFUSED, 1, errno)));
    }

    @Test
    void oneStepsTroubleIsNotTheOthers() {
        answers(Answer.of(-ErrorNumber.ENOENT.number()), PopulationTroubleTest::map, PopulationTroubleTest::map);

        PopulationOutcome outcome = populator.run(PopulationPlan.of(step(0, 4), step(4, 2)));

        assertThat(outcome.steps())
                .containsExactly(
                        new Refused(step(0, 4), refused(Kind.REFUSED, 0, ErrorNumber.ENOENT)),
                        new Done(step(4, 2), Set.of()));
        assertThat(outcome.left()).isEqualTo(PopulationPlan.of(step(0, 4)));
    }

    @ParameterizedTest
    @EnumSource(names = {"EOPNOTSUPP", "EINVAL"})
    void aKernelThatCannotPreFaultIsAskedOnceAndTheHostPopulated(ErrorNumber errno) {
        answers(Answer.of(-errno.number()));

        PopulationOutcome outcome = run();

        assertThat(outcome.steps()).containsExactly(new Done(step(0, 8), Set.of(Shortfall.NOT_IN_STAGE_TWO)));
        assertThat(memory.mapping().residentPages(0, ALL.size())).isEqualTo(8);
    }

    @Test
    void aVcpuThatStopsPreFaultingInTheMiddleLeavesTheRestToTheHost() {
        answers(
                struct -> {
                    struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, PAGE);
                    struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, 7 * PAGE);
                    return 0;
                },
                Answer.of(-ErrorNumber.EOPNOTSUPP.number()));

        PopulationOutcome outcome = populator.withChunk(ALL.size()).run(PopulationPlan.preFault(ALL));

        assertThat(outcome.steps()).containsExactly(new Done(step(0, 8), Set.of(Shortfall.NOT_IN_STAGE_TWO)));
        assertThat(memory.mapping().residentPages(PAGE, 7 * PAGE)).isEqualTo(7);
    }

    @Test
    void aVmThatIsClosedHalfWayStopsTheStepAndSaysHowFarItCame() {
        answers(PopulationTroubleTest::map, struct -> {
            vm.close();
            return map(struct);
        });

        PopulationOutcome outcome = run();

        StopReason closed = stopped(Kind.CLOSED, 2, "vCPU 0 is closed");
        assertThat(outcome.steps()).containsExactly(upTo(2, closed));
    }

    @Test
    void cancellingIsSeenBeforeTheNextChunk() {
        Population population = populator.prepare(PopulationPlan.preFault(ALL));
        answers(PopulationTroubleTest::map, PopulationTroubleTest::map, struct -> {
            population.cancel();
            return map(struct);
        });

        PopulationOutcome outcome = population.run();

        assertThat(outcome.steps())
                .containsExactly(upTo(3, stopped(Kind.CANCELLED, 3, "the population was cancelled")));
        assertThat(population.progress().bytes()).isEqualTo(3 * PAGE);
        assertThat(population.progress().pages()).isEqualTo(3);
        assertThat(population.progress().remaining()).isEqualTo(5 * PAGE);
        assertThat(population.progress().rate()).isPositive();
    }

    @Test
    void anInterruptCancelsAndStays() {
        answers(PopulationTroubleTest::map, _ -> {
            Thread.currentThread().interrupt();
            return -ErrorNumber.EINTR.number();
        });

        PopulationOutcome outcome = run();

        assertThat(Thread.interrupted()).isTrue();
        assertThat(outcome.steps()).containsExactly(upTo(1, stopped(Kind.CANCELLED, 1, "the thread was interrupted")));
    }

    @Test
    void anErrnoThatNobodyExpectsEndsEverythingAndIsThrown() {
        answers(PopulationTroubleTest::map, Answer.of(-200));

        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(this::run)
                .satisfies(unexpected -> assertThat(unexpected.errno()).isEqualTo(200));
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("guestmem-populate"));
    }

    @Test
    void everyVcpuIsUsedByOneThreadOnly() {
        long size = 32L << 20;
        kernel.otherwise(KvmIoctl.PRE_FAULT_MEMORY, PopulationTroubleTest::map);
        try (MappedHostMemory large = new MappedHostMemory(Mapping.anonymous(size, Sharing.PRIVATE))) {
            GuestMemory all =
                    GuestMemory.builder().memory(new GuestPhysical(0), large).build();
            List<Vcpu> vcpus = List.of(vcpu, vm.createVcpu(1), vm.createVcpu(2));

            PopulationOutcome outcome =
                    Populator.of(vm, all, vcpus).run(PopulationPlan.preFault(GuestRange.of(0, size)));

            assertThat(outcome.isComplete()).isTrue();
            assertThat(outcome.threads()).isEqualTo(3);
        }
    }

    @Test
    void filesOfStepsAreClosedHoweverItEnds() throws IOException {
        Path file = directory.resolve("content");
        Files.write(file, new byte[(int) (2 * PAGE)]);
        kernel.otherwise(KvmIoctl.PRE_FAULT_MEMORY, PopulationTroubleTest::map);

        populator.run(PopulationPlan.of(PopulationStep.of(GuestRange.of(0, PAGE), new Content.File(file, 0))));
        populator.run(PopulationPlan.of(PopulationStep.of(ALL, new Content.File(file, 0))));

        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            assertThat(open.map(PopulationTroubleTest::target)).noneMatch(file.toString()::equals);
        }
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException gone) {
            return gone.toString();
        }
    }
}
