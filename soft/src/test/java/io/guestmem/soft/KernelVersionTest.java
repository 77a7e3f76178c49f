package io.guestmem.soft;

import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.ENOTTY;
import static io.guestmem.soft.SoftHost.GMEM;
import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.LOG;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import io.guestmem.soft.SoftHost.PreFaulted;
import io.guestmem.soft.mmu.Spte;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a kernel's version decides (kernel.md 0.4), beside guest_memfd's flags ({@link GuestMemfdTest}), ranges that are bound
 * twice ({@link MemslotTest}) and EFER ({@link io.guestmem.soft.cpu.SregsTest}).
 */
class KernelVersionTest {
    private static SoftKernelOptions options(KernelVersion version) {
        return SoftKernelOptions.defaults()
                .with()
                .kernelVersion(version)
                .preFaultRetries(100)
                .build();
    }

    @ParameterizedTest
    @CsvSource({"V6_12, true", "V6_18, false", "V7_2, false"})
    void pf20ASecondPrefaultMakesALeafAnew(KernelVersion version, boolean upgraded) {
        try (SoftHost host = new SoftHost(options(version));
                HostMemory memory = host.kernel.allocate(3 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, 3 * PAGE, memory.hva());
            SoftProcess child = host.kernel.process().fork();
            assertThat(host.preFault(0, 3 * PAGE).result()).isZero();
            child.close();
            SoftHost.touch(memory);

            assertThat(host.preFault(0, 3 * PAGE)).isEqualTo(new PreFaulted(0, 3 * PAGE, 0));

            for (int page = 0; page < 3; page++) {
                assertThat(Spte.isWritable(PreFaultTest.leaf(host, page)))
                        .as("page %d", page)
                        .isEqualTo(upgraded);
            }
            assertThat(host.pages()).containsExactly(3, 0, 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"V6_12, 0", "V6_18, 1", "V7_2, 1"})
    void mmu03TheEndOfLogging(KernelVersion version, long large) {
        try (SoftHost host = new SoftHost(options(version));
                HostMemory memory = host.kernel.process().allocateHugePages(2, HUGE)) {
            host.slot(0, LOG, 0, HUGE, memory.hva());
            host.preFault(0, HUGE);
            assertThat(host.pages()).containsExactly(512, 0, 0);

            host.slot(0, 0, 0, HUGE, memory.hva());

            assertThat(host.pages()).containsExactly(0, large, 0);
            Invariants.check(host.vm, version.name());
            host.guestRead(0);
            assertThat(host.pages()).as("after the next fault").containsExactly(0, 1, 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"V6_12, 100", "V6_18, 1", "V7_2, 1"})
    void pf30AMemslotThatIsBeingDeleted(KernelVersion version, int faults) {
        Interposed schedule = new Interposed();
        try (SoftHost host = new SoftHost(options(version), VmType.DEFAULT, schedule);
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            List<Trace.Event> met = new ArrayList<>();
            PreFaulted[] result = new PreFaulted[1];
            schedule.once(Schedule.Point.SLOTS_PUBLISHED, () -> {
                host.kernel.trace(met::add);
                result[0] = host.preFault(0, PAGE);
                host.kernel.trace(null);
            });

            assertThat(host.slot(0, 0, 0, 0, 0)).isZero();

            assertThat(result[0])
                    .as("6.12 waits for ever; the watchdog ends it")
                    .isEqualTo(new PreFaulted(-ErrorNumber.EAGAIN.number(), 0, PAGE));
            assertThat(met)
                    .filteredOn(event -> event.kind() == Trace.Kind.FAULT)
                    .hasSize(faults);
        }
    }

    @ParameterizedTest
    @EnumSource
    void onlyPrivateMemoryHadAGuestMemfdAtFirst(KernelVersion version) {
        boolean always = version.atLeast(KernelVersion.V6_18);
        try (SoftHost shared = new SoftHost(options(version));
                SoftHost confidential = new SoftHost(options(version), VmType.SW_PROTECTED)) {
            assertThat(guestMemfdSlot(shared)).isEqualTo(always ? 0 : -ErrorNumber.EINVAL.number());
            assertThat(guestMemfdSlot(confidential)).isZero();
            assertThat(capability(shared)).isEqualTo(always ? 1 : 0);
            assertThat(capability(confidential)).isEqualTo(1);
            assertThat(shared.system.ioctl(KvmIoctl.CHECK_EXTENSION.code(), Capability.GUEST_MEMFD.number()))
                    .isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aKernelWithoutPrivateVmsWasOnceBuiltWithoutGuestMemfds(KernelVersion version) {
        SoftKernelOptions plain =
                options(version).with().vmTypes(Set.of(VmType.DEFAULT)).build();
        boolean there = version.atLeast(KernelVersion.V6_18);
        try (SoftHost host = new SoftHost(plain)) {
            assertThat(host.createGuestMemfd(PAGE, 4)).isEqualTo(-(there ? EINVAL : ENOTTY).number());
            assertThat(host.system.ioctl(KvmIoctl.CHECK_EXTENSION.code(), Capability.GUEST_MEMFD.number()))
                    .isEqualTo(there ? 1 : 0);
        }
    }

    private static long guestMemfdSlot(SoftHost host) {
        return host.slot2(0, GMEM, 0, PAGE, 0, host.guestMemfd(PAGE, 0).descriptor(), 0);
    }

    private static long capability(SoftHost host) {
        return host.vmFile.ioctl(KvmIoctl.CHECK_EXTENSION.code(), Capability.GUEST_MEMFD.number());
    }
}
