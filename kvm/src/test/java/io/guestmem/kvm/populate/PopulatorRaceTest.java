package io.guestmem.kvm.populate;

import static io.guestmem.kvm.populate.PopulateScene.PAGE;
import static io.guestmem.kvm.populate.PopulateScene.buffer;
import static io.guestmem.kvm.populate.PopulateScene.pages;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.kvm.populate.StepOutcome.PartlyDone;
import io.guestmem.kvm.populate.StepOutcome.Refused;
import io.guestmem.kvm.populate.StopReason.Kind;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.SoftThread;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Others that change, interrupt or close what a populator works on. How it ends is up to the race; that it adds up is not. */
class PopulatorRaceTest {
    private static final int PAGES = 4096;

    /** The software kernel gives up where the real one would wait for a signal. */
    private final SoftKernel kernel = new SoftKernel(
            SoftKernelOptions.defaults().with().preFaultRetries(10_000).build());

    private final PopulateScene scene = new PopulateScene(kernel, PAGES);
    private final PopulationStep step = PopulationStep.of(pages(0, PAGES), buffer(PAGES, 100));
    private final AtomicBoolean over = new AtomicBoolean();

    @AfterEach
    void close() {
        scene.close();
        kernel.close();
    }

    private static Thread start(Runnable task) {
        return Thread.ofPlatform().name("trouble").start(task);
    }

    /** Runs a plan and what is left of it, until all is done: the outcomes of all runs. */
    private void runToTheEnd(Populator populator, Set<Kind> reasons) {
        PopulationPlan plan = PopulationPlan.of(step);
        long done = 0;
        for (int runs = 0; !plan.steps().isEmpty(); runs++) {
            assertThat(runs).as("runs").isLessThan(10_000);
            PopulationOutcome outcome = populator.run(plan);
            done += outcome.done();
            for (StepOutcome each : outcome.steps()) {
                if (each instanceof PartlyDone part) {
                    assertThat(part.reason().kind()).as(each.toString()).isIn(reasons);
                } else if (each instanceof Refused refused) {
                    assertThat(refused.reason().kind()).as(each.toString()).isIn(reasons);
                }
            }
            plan = outcome.left();
            if (runs == 50) {
                over.set(true);
            }
        }
        assertThat(done).as("every page is done once").isEqualTo(PAGES * PAGE);
        assertThat(scene.words(0, PAGES))
                .isEqualTo(LongStream.range(100, 100 + PAGES).boxed().toList());
    }

    @Test
    void aMemslotThatComesAndGoesIsWaitedForOrReported() throws InterruptedException {
        Thread trouble = start(() -> {
            while (!over.get()) {
                scene.vm.delete(scene.slot);
                scene.vm.set(scene.slot);
            }
        });
        try {
            runToTheEnd(scene.populator().with(Duration.ofMillis(1)), EnumSet.of(Kind.BUSY, Kind.REFUSED));
        } finally {
            over.set(true);
            trouble.join();
        }
    }

    @Test
    void signalsAreNoReasonToLoseAnything() throws InterruptedException {
        SoftThread self = kernel.currentThread();
        Thread trouble = start(() -> {
            while (!over.get()) {
                self.send(12);
            }
        });
        try {
            runToTheEnd(Populator.of(scene.vm, scene.guest, scene.vcpus.subList(0, 1)), EnumSet.of(Kind.BUSY));
        } finally {
            over.set(true);
            trouble.join();
        }
        assertThat(scene.mapped()).isEqualTo(PAGES);
    }

    @Test
    void aVmThatIsClosedAtAnyMomentIsAReason() throws InterruptedException {
        Population population = scene.populator().withChunk(16 * PAGE).prepare(PopulationPlan.of(step));
        Thread trouble = start(() -> {
            while (population.progress().bytes() < 64 * PAGE) {
                Thread.onSpinWait();
            }
            scene.vm.close();
        });

        PopulationOutcome outcome = population.run();

        trouble.join();
        assertThat(population.progress().bytes()).isEqualTo(outcome.done()).isGreaterThanOrEqualTo(64 * PAGE);
        switch (outcome.steps().getFirst()) {
            case PartlyDone part -> {
                assertThat(part.reason().kind()).isEqualTo(Kind.CLOSED);
                List<PopulationStep> left = part.left();
                assertThat(left.stream().mapToLong(each -> each.range().size()).sum() + part.done())
                        .isEqualTo(PAGES * PAGE);
            }
            case StepOutcome.Done done -> assertThat(done.done()).isEqualTo(PAGES * PAGE);
            case Refused refused -> throw new AssertionError(refused);
        }
    }
}
