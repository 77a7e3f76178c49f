package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.GMEM;
import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.LOG;
import static io.guestmem.soft.SoftHost.PAGE;
import static io.guestmem.soft.SoftHost.READONLY;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.VmType;
import io.guestmem.soft.mmu.GuestAccess;
import org.junit.jupiter.api.Test;

/** Memslots: the checks of kernel.md 7.2. */
class MemslotTest {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long EEXIST = -ErrorNumber.EEXIST.number();
    private static final long EBADF = -ErrorNumber.EBADF.number();
    private static final long GIB = 1L << 30;

    @Test
    void slot01To04AlignmentFlagsAndNumbers() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.slot(0, 0, 0, 4095, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 1, PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 0, PAGE, 1)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 4, 0, PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 8, 0, PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot2(0, 8, 0, PAGE, 0, 0, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(32763, 0, 0, PAGE, 0)).isZero();
            assertThat(host.slot(32764, 0, PAGE, PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(2 << 16, 0, PAGE, PAGE, 0)).isEqualTo(EINVAL);
        }
        try (SoftHost host = SoftHost.swProtected()) {
            assertThat(host.slot(1 << 16, 0, PAGE, PAGE, 0)).isEqualTo(EINVAL);
        }
    }

    @Test
    void slot05To07Deletion() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.slot(0, 0, 0, 0, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, GIB, PAGE, 0)).isZero();
            assertThat(host.slot(0, 0, 1, 0, 0)).isEqualTo(EINVAL);
            assertThat(host.vm.slots().active(0).get(0)).isNotNull();
            assertThat(host.slot(0, 0, 7 * GIB, 0, 0x1000)).isZero();
            assertThat(host.vm.slots().active(0).get(0)).isNull();
        }
    }

    @Test
    void slot08To10Ranges() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.slot(0, 0, -PAGE, 2 * PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 0, PAGE, 0xFFFF_8000_0000_0000L)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 0, PAGE, 0x1_0000_0000_0000L)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 0, PAGE, 0x7FFF_FFFF_F000L)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 0, PAGE, 0x7FFF_FFFF_E000L)).isZero();
            assertThat(host.slot(1, 0, GIB, 1L << 43, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(1, 0, GIB, (1L << 43) - PAGE, 0)).isZero();
            assertThat(host.slot(2, 0, PAGE, PAGE, 0)).isZero();
        }
    }

    @Test
    void slot11To13Changes() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.slot(0, 0, GIB, 2 * PAGE, 0)).isZero();
            long generation = host.vm.slots().active(0).generation();
            assertThat(host.slot(0, 0, GIB, 2 * PAGE, 0)).isZero();
            assertThat(host.vm.slots().active(0).generation()).isEqualTo(generation);
            assertThat(host.slot(0, 0, GIB, PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, GIB, 2 * PAGE, PAGE)).isEqualTo(EINVAL);
            assertThat(host.slot(0, READONLY, GIB, 2 * PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, LOG, GIB, 2 * PAGE, 0)).isZero();
            assertThat(host.slot(0, LOG, 2 * GIB, 2 * PAGE, 0)).isZero();
            assertThat(host.slot(0, 0, 3 * GIB, 2 * PAGE, 0)).isZero();
            assertThat(host.slot(1, READONLY | LOG, GIB, PAGE, 0)).isZero();
        }
    }

    @Test
    void slot14And15Overlap() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.slot(0, 0, GIB, 4 * PAGE, 0)).isZero();
            assertThat(host.slot(1, 0, GIB + 3 * PAGE, PAGE, 0)).isEqualTo(EEXIST);
            assertThat(host.slot(1, 0, GIB + 4 * PAGE, PAGE, 0)).isZero();
            assertThat(host.slot(1, 0, GIB, PAGE, 0)).isEqualTo(EEXIST);
            assertThat(host.slot(0, 0, GIB - PAGE, 4 * PAGE, 0)).isZero();
        }
    }

    @Test
    void slot16TheSameMemoryAtTwoAddresses() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            assertThat(host.slot(0, 0, 0, PAGE, memory.hva())).isZero();
            assertThat(host.slot(1, 0, GIB, PAGE, memory.hva())).isZero();
            assertThat(host.guestWrite(8, 42)).isZero();
            assertThat(host.guestRead(GIB + 8)).isEqualTo(42);
        }
    }

    @Test
    void slot17TheSecondAddressSpaceHasSlotsOfItsOwn() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            assertThat(host.slot(0, 0, 0, PAGE, memory.hva())).isZero();
            assertThat(host.slot(1 << 16, 0, 0, PAGE, memory.hva() + PAGE)).isZero();
            assertThat(host.guestWrite(0, 1)).isZero();
            host.cpu.systemManagement = true;
            host.vcpu.roleChanged();
            assertThat(host.guestRead(0)).isZero();
            assertThat(host.guestWrite(0, 2)).isZero();
            host.cpu.systemManagement = false;
            host.vcpu.roleChanged();
            assertThat(host.guestRead(0)).isEqualTo(1);
            assertThat(host.vm.mmu().roots()).hasSize(2);
        }
    }

    @Test
    void slot18To20GuestMemfdArguments() {
        try (SoftHost host = new SoftHost();
                SoftHost other = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(4 * PAGE, 0);
            int fd = memfd.descriptor();
            assertThat(host.slot2(0, GMEM | READONLY, 0, PAGE, 0, fd, 0)).isEqualTo(EINVAL);
            assertThat(host.slot2(0, GMEM | LOG, 0, PAGE, 0, fd, 0)).isEqualTo(EINVAL);
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, -1, 0)).isEqualTo(EBADF);
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, host.vmFile.descriptor(), 0))
                    .isEqualTo(EINVAL);
            try (KvmFile foreign = host.kernel.process().receive(other.guestMemfd(PAGE, 0))) {
                assertThat(host.slot2(0, GMEM, 0, PAGE, 0, foreign.descriptor(), 0))
                        .isEqualTo(EINVAL);
            }
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, fd, 1)).isEqualTo(EINVAL);
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, fd, -PAGE)).isEqualTo(EINVAL);
            assertThat(host.slot2(0, GMEM, 0, 2 * PAGE, 0, fd, 3 * PAGE)).isEqualTo(EINVAL);
            assertThat(host.slot2(0, GMEM, 0, 2 * PAGE, 0, fd, 2 * PAGE)).isZero();
        }
    }

    @Test
    void slot21ARangeBoundTwiceDependsOnTheVersion() {
        for (KernelVersion version : KernelVersion.values()) {
            try (SoftHost host = new SoftHost(
                    SoftKernelOptions.defaults().with().kernelVersion(version).build(), VmType.SW_PROTECTED)) {
                int fd = host.guestMemfd(4 * PAGE, 0).descriptor();
                assertThat(host.slot2(0, GMEM, 0, 2 * PAGE, 0, fd, 0)).isZero();
                assertThat(host.slot2(1, GMEM, GIB, 2 * PAGE, 0, fd, PAGE))
                        .as("%s", version)
                        .isEqualTo(version == KernelVersion.V7_2 ? EEXIST : EINVAL);
                assertThat(host.slot2(1, GMEM, GIB, 2 * PAGE, 0, fd, 2 * PAGE)).isZero();
            }
        }
    }

    @Test
    void slot22To25OrderOfRulesForGuestMemfds() {
        try (SoftHost host = new SoftHost()) {
            int fd = host.guestMemfd(4 * PAGE, 0).descriptor();
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, fd, 0)).isZero();
            assertThat(host.slot2(1, GMEM, 0, PAGE, 0, -1, 0)).isEqualTo(EEXIST);
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, fd, 0)).isEqualTo(EINVAL);
            assertThat(host.slot2(0, GMEM, GIB, PAGE, 0, fd, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 0, PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, 0, 0, 0)).isZero();
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, fd, 0)).isZero();
            assertThat(host.slot2(0, GMEM, 0, 0, 0, -1, 0)).isZero();
            assertThat(host.slot2(0, GMEM, GIB, PAGE, 0, fd, 0)).isZero();
        }
    }

    @Test
    void slot26TheLastPageOfTheHost() {
        try (SoftHost host = new SoftHost()) {
            long end = 1L << 46;
            assertThat(host.slot(0, 0, end - PAGE, 2 * PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.slot(0, 0, end - PAGE, PAGE, 0)).isZero();
            assertThat(host.slot(0, 0, end, PAGE, 0)).isEqualTo(EINVAL);
            assertThat(host.vm.slots().active(0).get(0))
                    .as("a move that the architecture refuses leaves the slot where it was")
                    .satisfies(slot -> assertThat(slot.baseGfn()).isEqualTo((end - PAGE) >>> 12));
        }
    }

    @Test
    void slot28And29DeletionZapsEverythingUnlessTheQuirkIsOff() {
        for (boolean quirk : new boolean[] {true, false}) {
            try (SoftHost host = new SoftHost();
                    HostMemory memory = host.kernel.allocate(16 * PAGE)) {
                SoftHost.touch(memory);
                if (!quirk) {
                    assertThat(host.enable(Capability.DISABLE_QUIRKS2.number(), 1 << 7))
                            .isZero();
                }
                host.slot(0, 0, PAGE, 8 * PAGE, memory.hva());
                host.slot(1, 0, GIB, 8 * PAGE, memory.hva() + 8 * PAGE);
                host.preFault(PAGE, 8 * PAGE);
                host.preFault(GIB, 8 * PAGE);
                assertThat(host.pages()).containsExactly(16, 0, 0);
                assertThat(host.slot(0, 0, 0, 0, 0)).isZero();
                assertThat(host.pages()).containsExactly(quirk ? 0 : 8, 0, 0);
                assertThat(host.guestRead(GIB)).isEqualTo(8 * PAGE | 1);
                assertThat(host.guestRead(PAGE)).isEqualTo(GuestAccess.MMIO);
            }
        }
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, PAGE, PAGE, memory.hva());
            host.slot(1, 0, GIB, PAGE, memory.hva());
            host.preFault(PAGE, PAGE);
            host.preFault(GIB, PAGE);
            host.slot(0, 0, 0, 0, 0);
            assertThat(host.pages()).containsExactly(1, 0, 0);
        }
    }

    @Test
    void slot30GenerationsKeepTheNumberOfTheirSpace() {
        try (SoftHost host = new SoftHost()) {
            for (int space = 0; space < 2; space++) {
                int slot = space << 16;
                assertThat(host.vm.slots().active(space).generation()).isEqualTo(space);
                for (int round = 0; round < 3; round++) {
                    long before = host.vm.slots().active(space).generation();
                    host.slot(slot, 0, GIB, PAGE, 0);
                    assertThat(host.vm.slots().active(space).generation()).isEqualTo(before + 2);
                    host.slot(slot, 0, GIB, 0, 0);
                    assertThat(host.vm.slots().active(space).generation()).isEqualTo(before + 6);
                }
            }
        }
    }

    @Test
    void slot31APublicationWaitsForOpenInvalidations() {
        SeededSchedule schedule = new SeededSchedule(31);
        try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), VmType.DEFAULT, schedule)) {
            host.vm.invalidateStart(0x10000, 0x20000);
            boolean[] ended = {false};
            boolean[] endedBeforePublication = {false};
            schedule.run(java.util.List.of(
                    () -> {
                        host.slot(0, 0, GIB, PAGE, 0x10000);
                        endedBeforePublication[0] = ended[0];
                    },
                    () -> {
                        for (int i = 0; i < 100; i++) {
                            schedule.point(Schedule.Point.WAITING);
                        }
                        ended[0] = true;
                        host.vm.invalidateEnd(0x10000, 0x20000);
                    }));
            assertThat(endedBeforePublication[0]).isTrue();
        }
    }

    @Test
    void mmu15WhenGenerationsStartAgainEverythingIsZapped() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            host.slot(1, READONLY, GIB, PAGE, memory.hva());
            host.preFault(0, PAGE);
            assertThat(host.preFault(4 * PAGE, PAGE).result())
                    .as("an MMIO entry")
                    .isEqualTo(-ErrorNumber.ENOENT.number());
            long activations = 1 << 17;
            for (long done = 2; done < activations - 1; done++) {
                host.slot(1, READONLY | (done % 2 == 0 ? LOG : 0), GIB, PAGE, memory.hva());
            }
            assertThat(host.vm.slots().active(0).generation()).isEqualTo((1 << 18) - 2);
            assertThat(host.pages()).as("one before the last").containsExactly(1, 0, 0);
            host.slot(1, READONLY | (activations % 2 == 0 ? 0 : LOG), GIB, PAGE, memory.hva());
            assertThat(host.vm.slots().active(0).generation()).isEqualTo(1 << 18);
            assertThat(host.pages()).containsExactly(0, 0, 0);
            assertThat(host.kernel.inspect(host.vmFile).roots())
                    .as("the MMIO entry is gone with the root")
                    .allMatch(root -> root.entries().isEmpty());
        }
    }

    @Test
    void enablingLoggingOnALargeMapping() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.process().allocateHugePages(2, HUGE)) {
            host.slot(0, 0, 0, HUGE, memory.hva());
            host.preFault(0, HUGE);
            assertThat(host.pages()).containsExactly(0, 1, 0);
            host.slot(0, LOG, 0, HUGE, memory.hva());
            assertThat(host.pages()).as("MMU-02").containsExactly(512, 0, 0);
            host.slot(0, 0, 0, HUGE, memory.hva());
            assertThat(host.pages()).as("MMU-03").containsExactly(0, 1, 0);
        }
    }
}
