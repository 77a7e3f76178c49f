package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.VmType;
import io.guestmem.soft.SoftHost.PreFaulted;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.Spte;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** KVM_PRE_FAULT_MEMORY while something else happens, at the place written out: MMU-08, MMU-09, PF-47. */
class PreFaultRaceTest {
    @Test
    void pf47WithTheRootInvalidOtherSlotsRetryUntilTheWatchdog() {
        SoftKernelOptions watched =
                SoftKernelOptions.defaults().with().preFaultRetries(1000).build();
        Interposed schedule = new Interposed();
        try (SoftHost host = new SoftHost(watched, VmType.DEFAULT, schedule);
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, 2 * PAGE, memory.hva());
            schedule.once(Schedule.Point.PAGE_LOOKED_UP, () -> {
                host.vm.mmu().lock().lockWrite();
                host.vm.mmu().invalidateRoots();
                host.vm.mmu().lock().unlockWrite();
            });
            assertThat(host.preFault(0, PAGE)).isEqualTo(new PreFaulted(-ErrorNumber.EAGAIN.number(), 0, PAGE));
            assertThat(host.preFault(0, PAGE)).as("with another root").isEqualTo(new PreFaulted(0, PAGE, 0));
        }
    }

    @Test
    void mmu09APageThatGoesBetweenLookUpAndMapIsLookedUpAgain() {
        Interposed schedule = new Interposed();
        try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT, schedule);
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, PAGE, memory.hva());
            schedule.once(Schedule.Point.PAGE_LOOKED_UP, () -> memory.advise(HostAdvice.DONT_NEED, 0, PAGE));
            assertThat(host.preFault(0, PAGE)).isEqualTo(new PreFaulted(0, PAGE, 0));
            assertThat(Spte.pfn(leaf(host)))
                    .isEqualTo(HostFault.pfn(host.vm.memory().faultIn(memory.hva(), false)));
            assertThat(host.guestRead(0)).isZero();
        }
    }

    @Test
    void mmu09TheSameInTheMiddleOfARow() {
        Interposed schedule = new Interposed();
        try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT, schedule);
                HostMemory memory = host.kernel.allocate(64 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, PAGE, 64 * PAGE, memory.hva());
            schedule.after(1, Schedule.Point.PAGE_LOOKED_UP, () -> memory.advise(HostAdvice.DONT_NEED, 0, 64 * PAGE));
            assertThat(host.preFault(PAGE, 64 * PAGE).size()).isZero();
            for (int page = 0; page < 64; page++) {
                assertThat(host.guestRead((page + 1) * PAGE)).isZero();
            }
        }
    }

    @Test
    void mmu08WhoeverLosesTheExchangeFindsTheMappingInPlace() {
        Interposed schedule = new Interposed();
        try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT, schedule);
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, PAGE, memory.hva());
            KvmFile second = host.createVcpu(1);
            List<PreFaulted> other = new ArrayList<>();
            schedule.once(Schedule.Point.BEFORE_EXCHANGE, () -> other.add(SoftHost.preFault(second, 0, PAGE)));
            assertThat(host.preFault(0, PAGE)).isEqualTo(new PreFaulted(0, PAGE, 0));
            assertThat(other).containsExactly(new PreFaulted(0, PAGE, 0));
            assertThat(host.pages()).containsExactly(1, 0, 0);
            assertThat(host.vm.mmu().tables())
                    .as("the loser's table is free again")
                    .isEqualTo(4);
        }
    }

    private static long leaf(SoftHost host) {
        return host.vm.mmu().entries(host.vm.mmu().roots().getLast()).stream()
                .filter(entry -> entry.isLeaf())
                .findFirst()
                .orElseThrow()
                .spte();
    }
}
