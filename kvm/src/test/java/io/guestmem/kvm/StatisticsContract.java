package io.guestmem.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.GuestPhysical;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Statistics: by name, and what moves them. */
abstract class StatisticsContract extends KernelContract {
    private static final long START = 0x10000;

    @BeforeEach
    void assumeStatistics() {
        assumeCapability(Capability.BINARY_STATS_FD, 1);
    }

    @Test
    @DisplayName("a VM and a vCPU count what is documented; what they do not count is empty")
    void names() {
        Statistics machine = vm.statistics();
        Statistics vcpu = vm.createVcpu(0).statistics();

        assertThat(machine.names()).contains("remote_tlb_flush", "pages_4k", "pages_2m", "pages_1g");
        assertThat(vcpu.names()).contains("pf_taken", "pf_fixed", "exits", "mmio_exits", "signal_exits");
        assertThat(machine.names())
                .allSatisfy(name -> assertThat(machine.value(name)).isPresent());
        assertThat(vcpu.names()).allSatisfy(name -> assertThat(vcpu.value(name)).isPresent());
        assertThat(machine.value("pf_taken")).isEmpty();
        assertThat(vcpu.value("")).isEmpty();
    }

    @Test
    @DisplayName("a guest that touches new memory takes faults, and exits are counted")
    void faults() {
        vm.set(Memslot.of(0, new GuestPhysical(START), memory(64)));
        Guest guest = guest();
        Statistics statistics = guest.vcpu().statistics();

        assertThat(growth(statistics, "pf_taken", () -> assertDone(guest.write(START, 64))))
                .isPositive();
        assertThat(growth(statistics, "exits", () -> assertDone(guest.read(START, 64))))
                .isPositive();
    }

    @Test
    @DisplayName("an access outside memslots is an MMIO exit")
    void mmioExits() {
        Guest guest = guest();
        Statistics statistics = guest.vcpu().statistics();

        assertThat(growth(
                        statistics,
                        "mmio_exits",
                        () -> assertThat(guest.write(START, 1)).isInstanceOf(Exit.Mmio.class)))
                .isEqualTo(1);
    }

    @Test
    @DisplayName("statistics can be read again at any time, by many readers")
    void manyReaders() {
        Vcpu vcpu = vm.createVcpu(0);
        Statistics first = vcpu.statistics();
        Statistics second = vcpu.statistics();

        assertThat(first.value("exits")).isEqualTo(second.value("exits"));
        first.close();
        assertThat(second.value("exits")).isPresent();
    }
}
