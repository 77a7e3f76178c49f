package io.guestmem.kvm.populate;

import static io.guestmem.kvm.populate.PopulateScene.BASE;
import static io.guestmem.kvm.populate.PopulateScene.PAGE;
import static io.guestmem.kvm.populate.PopulateScene.buffer;
import static io.guestmem.kvm.populate.PopulateScene.page;
import static io.guestmem.kvm.populate.PopulateScene.pages;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.GuestMemfd.Flag;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.MapMemory;
import io.guestmem.kvm.MappedHostMemory;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.populate.MapMemoryRequests.SourceRule;
import io.guestmem.kvm.populate.StepOutcome.Done;
import io.guestmem.kvm.populate.StepOutcome.Refused;
import io.guestmem.kvm.populate.StopReason.Kind;
import io.guestmem.linux.MappedMemory;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What must hold on every real kernel, this host's and the lab's: a plan is carried out, and what could not be done is said. */
class PopulatorContractTest {
    private static LinuxKernel kernel() {
        LinuxKernel kernel = new LinuxKernel();
        try {
            kernel.open().close();
        } catch (KernelUnavailableException unavailable) {
            abort("no KVM here: " + unavailable.getMessage());
        }
        return kernel;
    }

    /** What the capability says is used to know what to expect; the populator itself finds out by trying. */
    private static Set<Shortfall> expected(PopulateScene scene) {
        return scene.vm.capability(Capability.PRE_FAULT_MEMORY) == 0 ? Set.of(Shortfall.NOT_IN_STAGE_TWO) : Set.of();
    }

    @Test
    void contentArrivesAndWhatKvmCannotMapAheadIsSaid() {
        try (PopulateScene scene = new PopulateScene(kernel(), 16)) {
            PopulationStep content = PopulationStep.of(pages(0, 4), buffer(4, 100));
            PopulationStep zeroes = PopulationStep.of(pages(4, 4), new Content.Zero());

            PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(content, zeroes));

            assertThat(outcome.steps())
                    .containsExactly(new Done(content, expected(scene)), new Done(zeroes, expected(scene)));
            assertThat(scene.words(0, 5)).containsExactly(100L, 101L, 102L, 103L, 0L);
        }
    }

    @Test
    void mappingPopulatesTheHostsPages() {
        try (PopulateScene scene = new PopulateScene(kernel(), 16)) {
            MappedMemory host = ((MappedHostMemory) scene.memory).mapping();
            PopulationStep read = PopulationStep.map(pages(0, 4));
            PopulationStep write = PopulationStep.map(pages(8, 4)).with(Access.WRITE);

            PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(read, write));

            assertThat(outcome.steps())
                    .containsExactly(new Done(read, expected(scene)), new Done(write, expected(scene)));
            assertThat(host.residentPages(0, 4 * PAGE)).isEqualTo(4);
            assertThat(host.residentPages(4 * PAGE, 4 * PAGE)).isZero();
            assertThat(host.residentPages(8 * PAGE, 4 * PAGE)).isEqualTo(4);
        }
    }

    @Test
    void pagesOf1GiBAreNotPromised() {
        try (PopulateScene scene = new PopulateScene(kernel(), 16)) {
            PopulationStep step = PopulationStep.map(pages(0, 4)).with(PageSize.ONE_GIB);

            assertThat(scene.populator().run(PopulationPlan.of(step)).steps().getFirst())
                    .isInstanceOfSatisfying(
                            Done.class, done -> assertThat(done.shortfalls()).contains(Shortfall.PAGE_SIZE_NOT_GIVEN));
        }
    }

    @Test
    void guestMemfdIsFilledThroughAMapping() {
        LinuxKernel kernel = kernel();
        try (PopulateScene probe = new PopulateScene(kernel, 1)) {
            int flags = probe.vm.capability(Capability.GUEST_MEMFD_FLAGS);
            assumeTrue((flags & 3) == 3, "this kernel maps no guest_memfd: KVM_CAP_GUEST_MEMFD_FLAGS is " + flags);
        }
        try (PopulateScene scene =
                new PopulateScene(kernel, VmType.DEFAULT, 16, EnumSet.of(Flag.MMAP, Flag.INIT_SHARED))) {
            PopulationStep step = PopulationStep.of(pages(0, 4), buffer(4, 100)).with(Flavour.PRIVATE);

            PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(step));

            assertThat(outcome.steps()).containsExactly(new Done(step, expected(scene)));
            Memslot.Backing backing = scene.slot.backing().orElseThrow();
            try (HostMemory mapping = backing.file().map(0, 4 * PAGE)) {
                assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, 3 * PAGE))
                        .isEqualTo(103);
            }
        }
    }

    @Test
    void privateMemoryIsZeroedAndMappedButNobodyCanPutContentIntoIt() {
        LinuxKernel kernel = kernel();
        try (Kvm kvm = Kvm.open(kernel)) {
            assumeTrue(kvm.vmTypes().contains(VmType.SW_PROTECTED), "this kernel has no VMs of the type SW_PROTECTED");
        }
        try (PopulateScene scene = new PopulateScene(kernel, VmType.SW_PROTECTED, 16, Set.of())) {
            PopulationStep mapped = PopulationStep.map(pages(0, 4)).with(Flavour.PRIVATE);
            PopulationStep zeroed =
                    PopulationStep.of(pages(4, 4), new Content.Zero()).with(Flavour.PRIVATE);
            PopulationStep copied = PopulationStep.of(pages(8, 1), buffer(1, 1)).with(Flavour.PRIVATE);
            PopulationStep shared = PopulationStep.of(pages(9, 1), buffer(1, 9));

            PopulationOutcome outcome = scene.populator().run(PopulationPlan.of(mapped, zeroed, copied, shared));

            assertThat(outcome.steps())
                    .containsExactly(
                            new Done(mapped, Set.of()),
                            new Done(zeroed, Set.of()),
                            new Refused(
                                    copied,
                                    StopReason.of(
                                            Kind.NOT_POSSIBLE,
                                            page(8),
                                            "this kernel has none of: KVM_GUEST_MEMFD_POPULATE, write to guest_memfd")),
                            new Done(shared, Set.of()));
            assertThat(scene.mapped()).isEqualTo(9);
            assertThat(scene.words(9, 1)).containsExactly(9L);
        }
    }

    @Test
    void theUnmergedRequestsAreFoundMissingByTrying() {
        try (PopulateScene scene = new PopulateScene(kernel(), 16)) {
            assertThat(scene.vcpus.getFirst().knows(new MapMemory.V1(0, 0, 0, 0)))
                    .isFalse();
            assertThat(scene.vcpus.getFirst().knows(new MapMemory.V2(0, 0, 0))).isFalse();
            assertThat(scene.vm.guestMemfdPopulate().zero(pages(0, 1)))
                    .as("ENOTTY")
                    .isEqualTo(-25);
        }
    }

    @Test
    void theProposalsAnswerAsTheyWouldHaveOnSuchAKernel() {
        try (PopulateScene scene = new PopulateScene(kernel(), 16)) {
            boolean tdp = expected(scene).isEmpty();
            MapMemoryRequests requests =
                    new MapMemoryRequests(scene.vm, scene.vcpus.getFirst(), scene.guest, SourceRule.COPIED);
            MapMemory first = new MapMemory.V1(BASE / PAGE, 4, 1, 0);
            MapMemory second = new MapMemory.V2(BASE, 4 * PAGE, 0);

            assertThat(requests.map(first).answer())
                    .isEqualTo(
                            tdp
                                    ? new MapMemory.Answer(0, new MapMemory.V1(BASE / PAGE + 4, 0, 1, 0))
                                    : new MapMemory.Answer(-95, first));
            assertThat(requests.map(second).answer())
                    .isEqualTo(
                            tdp
                                    ? new MapMemory.Answer(0, new MapMemory.V2(BASE + 4 * PAGE, 0, 0))
                                    : new MapMemory.Answer(-95, second));
        }
    }
}
