package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.PAGE;
import static io.guestmem.soft.SoftHost.READONLY;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.VmType;
import io.guestmem.soft.SoftHost.PreFaulted;
import io.guestmem.soft.host.HostFault;
import io.guestmem.soft.mmu.Spte;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** {@code KVM_PRE_FAULT_MEMORY} while something else happens (PF-46, PF-47, MMU-08, MMU-09). */
class PreFaultRaceTest {
    @Test
    void pf46EitherItAdvancesOrItFails() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(64 * PAGE)) {
            SoftHost.touch(memory, 0, 40 * PAGE);
            host.slot(0, 0, 8 * PAGE, 32 * PAGE, memory.hva());
            host.slot(1, READONLY, 40 * PAGE, 16 * PAGE, memory.hva() + 32 * PAGE);
            memory.unmap(20 * PAGE, 2 * PAGE);
            for (int i = 0; i < 2000; i++) {
                long gpa = random.nextInt(80) * PAGE;
                long size = random.nextInt(80) * PAGE;
                PreFaulted done = host.preFault(gpa, size);
                assertThat(done.size() < size)
                        .as("seed %d: 0x%x + 0x%x gave %s", seed, gpa, size, done)
                        .isNotEqualTo(done.result() < 0);
                assertThat(done.gpa() + done.size()).isEqualTo(gpa + size);
            }
        }
    }

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
            assertThat(Spte.pfn(PreFaultTest.leaf(host, 0)))
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
            List<PreFaulted> other = new java.util.ArrayList<>();
            schedule.once(Schedule.Point.BEFORE_EXCHANGE, () -> other.add(SoftHost.preFault(second, 0, PAGE)));
            assertThat(host.preFault(0, PAGE)).isEqualTo(new PreFaulted(0, PAGE, 0));
            assertThat(other).containsExactly(new PreFaulted(0, PAGE, 0));
            assertThat(host.pages()).containsExactly(1, 0, 0);
            assertThat(host.vm.mmu().tables())
                    .as("the loser's table is free again")
                    .isEqualTo(4);
        }
    }
}
