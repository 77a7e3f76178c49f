package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Closing leaves nothing behind. */
abstract class ClosingContract extends KernelContract {
    /** The descriptors of KVM that are open, by what they are. */
    abstract List<String> openFiles();

    @Test
    @DisplayName("GMEM-14: closing the system closes everything that was made of it")
    void nothingIsLeft() {
        kvm.close();
        List<String> before = openFiles();
        try (Kvm system = Kvm.open(kernel())) {
            Vm machine = system.createVm(VmType.DEFAULT);
            Vcpu vcpu = machine.createVcpu(0);
            machine.statistics();
            vcpu.statistics();
            if (machine.capability(Capability.GUEST_MEMFD) != 0) {
                machine.createGuestMemfd(PAGE, Set.of());
            }
            assertThat(openFiles()).hasSizeGreaterThanOrEqualTo(before.size() + 5);
        }

        assertThat(openFiles()).isEqualTo(before);
    }

    @Test
    @DisplayName("what is closed alone leaves the rest open")
    void oneByOne() {
        Vcpu first = vm.createVcpu(0);
        Vcpu second = vm.createVcpu(1);
        Statistics statistics = first.statistics();

        first.close();

        assertThatIllegalStateException().isThrownBy(first::registers);
        assertThat(second.registers()).isNotNull();
        assertThat(statistics.value("exits")).isPresent();
        vm.close();
        assertThatIllegalStateException().isThrownBy(second::registers);
        assertThatIllegalStateException().isThrownBy(() -> statistics.value("exits"));
        assertThat(kvm.apiVersion()).isEqualTo(12);
    }

    @Test
    @DisplayName("a refused request leaves no descriptor")
    void refusals() {
        vm.createVcpu(0);
        List<String> before = openFiles();

        assertRefused(ErrorNumber.EEXIST, () -> vm.createVcpu(0));
        assertRefused(Set.of(ErrorNumber.EINVAL, ErrorNumber.ENOTTY), () -> vm.createGuestMemfd(1, Set.of()));

        assertThat(openFiles()).isEqualTo(before);
    }

    @Test
    @DisplayName("a VM that is closed under a running vCPU is gone when the run has ended")
    void closeWhileRunning() throws Exception {
        kvm.close();
        List<String> before = openFiles();
        kvm = Kvm.open(kernel());
        vm = kvm.createVm(VmType.DEFAULT);
        HostMemory memory = memory(1);
        vm.set(Memslot.of(0, new GuestPhysical(0x10000), memory));
        Guest guest = guest();
        CompletableFuture<Exit> exit = new CompletableFuture<>();
        Thread.ofPlatform().name("running-guest").start(() -> {
            try {
                exit.complete(guest.count(0x10000));
            } catch (RuntimeException failed) {
                exit.completeExceptionally(failed);
            }
        });

        kvm.close();

        // It may have been closed before the run began: then the run is refused.
        assertThat(exit.handle((ended, failed) ->
                                failed instanceof IllegalStateException || new Exit.Interrupted().equals(ended))
                        .get(2, TimeUnit.MINUTES))
                .isTrue();
        assertThat(openFiles()).isEqualTo(before);
    }
}
