package io.guestmem.kvm.populate;

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
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.GuestMemfd.Flag;
import io.guestmem.kvm.GuestMemfdPopulate;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.populate.MemoryOffer.Part;
import io.guestmem.kvm.populate.MemoryOffer.Sent;
import io.guestmem.kvm.populate.StepOutcome.Done;
import io.guestmem.kvm.populate.StepOutcome.Refused;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.SoftProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A VM of another process: what may be done with it, on this host's kernel and on the software kernel. */
class ForeignVmTest {
    private static final long EIO = -5;

    @TempDir
    Path directory;

    private static LinuxKernel kernel() {
        LinuxKernel kernel = new LinuxKernel();
        try {
            kernel.open().close();
        } catch (KernelUnavailableException unavailable) {
            abort("no KVM here: " + unavailable.getMessage());
        }
        return kernel;
    }

    @Test
    void anotherProcessFillsAGuestMemfd() throws IOException {
        LinuxKernel kernel = kernel();
        try (PopulateScene probe = new PopulateScene(kernel, 1)) {
            int flags = probe.vm.capability(Capability.GUEST_MEMFD_FLAGS);
            assumeTrue((flags & 3) == 3, "this kernel maps no guest_memfd: KVM_CAP_GUEST_MEMFD_FLAGS is " + flags);
        }
        try (PopulateScene scene =
                        new PopulateScene(kernel, VmType.DEFAULT, 16, EnumSet.of(Flag.MMAP, Flag.INIT_SHARED));
                FileDescriptor file = scene.slot.backing().orElseThrow().file().duplicate();
                OtherProcess other = OtherProcess.start(directory, "populate 0 8")) {
            List<Part> parts = List.of(new Part.OfFile(scene.slot.range(), file, 0));

            assertThat(MemoryOffer.send(other.socket(), OtherProcess.uid(), parts))
                    .isEqualTo(new Sent());

            assertThat(other.answers()).containsExactly("Done 32768 [NOT_IN_STAGE_TWO]");
            try (HostMemory mapping = scene.slot.backing().orElseThrow().file().map(0, 16 * PAGE)) {
                assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, 7 * PAGE))
                        .isEqualTo(507);
            }
        }
    }

    @Test
    void inAnotherProcessKvmAnswersEioToEverythingElse() throws IOException {
        VmWatch kernel = new VmWatch(kernel());
        try (PopulateScene scene = new PopulateScene(kernel, 16);
                FileDescriptor vm = FileDescriptor.adopt(kernel.vm(), "VM").duplicate();
                OtherProcess other = OtherProcess.start(directory, "vm");
                Arena arena = Arena.ofConfined()) {
            assertThat(scene.vm.capability(Capability.USER_MEMORY)).isEqualTo(1);
            other.socket().send(arena.allocate(1), vm);

            assertThat(other.answers()).containsExactly("-5", "-5", "-5");
        }
    }

    @Test
    void theSoftwareKernelLetsAnotherProcessPopulateAndNothingElse() {
        VmWatch watch = new VmWatch(new SoftKernel(SoftKernelOptions.defaults()));
        SoftKernel kernel = (SoftKernel) watch.below();
        try (kernel;
                PopulateScene scene = new PopulateScene(watch, VmType.SW_PROTECTED, 16, Set.of());
                SoftProcess other = kernel.createProcess();
                KvmFile vm = other.receive(watch.file())) {
            scene.vm.setPrivate(pages(0, 8), true);
            GuestMemory guest = GuestMemory.builder()
                    .target(scene.slot.range(), new PopulateRequestTarget(new GuestMemfdPopulate(other, vm), page(0)))
                    .build();
            PopulationStep inside =
                    PopulationStep.of(pages(0, 4), buffer(4, 100)).with(Flavour.PRIVATE);
            PopulationStep shared = PopulationStep.of(pages(8, 1), buffer(1, 1)).with(Flavour.PRIVATE);

            PopulationOutcome outcome = Populator.of(guest).run(PopulationPlan.of(inside, shared));

            assertThat(outcome.steps())
                    .containsExactly(
                            new Done(inside, Set.of(Shortfall.NOT_IN_STAGE_TWO)),
                            new Refused(shared, StopReason.refused("KVM_GUEST_MEMFD_POPULATE", page(8), 22)));
            assertThat(vm.ioctl(KvmIoctl.CHECK_EXTENSION.code(), Capability.USER_MEMORY.number()))
                    .isEqualTo(EIO);
            assertThat(vm.ioctl(KvmIoctl.CREATE_VCPU.code(), 7)).isEqualTo(EIO);
            // The owner maps what the other one has put there: no second content, nothing zeroed.
            PopulationStep map = PopulationStep.map(pages(0, 4)).with(Flavour.PRIVATE);
            assertThat(scene.populator().run(PopulationPlan.of(map)).steps()).containsExactly(new Done(map, Set.of()));
            assertThat(scene.mapped()).isEqualTo(4);
            assertThat(scene.populator().run(PopulationPlan.of(inside)).steps().getFirst())
                    .as("EEXIST: it has content")
                    .isInstanceOfSatisfying(
                            Refused.class,
                            refused -> assertThat(refused.reason().errno()).hasValue(17));
        }
    }
}
