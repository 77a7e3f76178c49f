package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The binary statistics: the checks STAT-* of kernel.md 7.9, and the order of 1.9. */
class StatisticsTest {
    /** A statistics file as a user reads it. */
    private record Read(String id, Map<String, Integer> flags, Map<String, Long> values, List<Integer> header) {
        static Read of(SoftHost host, KvmFile of) {
            long descriptor = of.ioctl(KvmIoctl.GET_STATS_FD.code(), 0);
            try (KvmFile file = host.kernel.adopt((int) descriptor, "statistics")) {
                MemorySegment all = SoftHost.struct(1 << 16);
                long size = file.readAt(0, all);
                assertThat(file.readAt(size, all.asSlice(size)))
                        .as("behind the end")
                        .isZero();
                int nameSize = int32(all, StatsHeaderLayout.NAME_SIZE);
                int data = int32(all, StatsHeaderLayout.DATA_OFFSET);
                Map<String, Integer> flags = new LinkedHashMap<>();
                Map<String, Long> values = new LinkedHashMap<>();
                long at = int32(all, StatsHeaderLayout.DESC_OFFSET);
                for (int i = 0; i < int32(all, StatsHeaderLayout.NUM_DESC); i++, at += 16L + nameSize) {
                    String name = all.getString(at + StatsDescriptorLayout.NAME, StandardCharsets.US_ASCII);
                    flags.put(name, int32(all, at + StatsDescriptorLayout.FLAGS));
                    long offset = (long) data + int32(all, at + StatsDescriptorLayout.OFFSET);
                    MemorySegment one = SoftHost.struct(8);
                    assertThat(file.readAt(offset, one)).isEqualTo(8);
                    values.put(name, one.get(ValueLayout.JAVA_LONG, 0));
                }
                List<Integer> header = new ArrayList<>();
                for (int field = 0; field < 24; field += 4) {
                    header.add(int32(all, field));
                }
                return new Read(
                        all.getString(int32(all, StatsHeaderLayout.ID_OFFSET), StandardCharsets.US_ASCII),
                        flags,
                        values,
                        header);
            }
        }

        private static int int32(MemorySegment from, long offset) {
            return from.get(ValueLayout.JAVA_INT_UNALIGNED, offset);
        }
    }

    @Test
    void stat01And02TheVmsFile() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(3 * PAGE)) {
            host.slot(0, 0, 0, 3 * PAGE, memory.hva());
            host.preFault(0, 3 * PAGE);
            Read vm = Read.of(host, host.vmFile);
            assertThat(vm.id).isEqualTo("kvm-" + host.kernel.process().pid());
            assertThat(vm.header).containsExactly(0, 48, 16, 24, 72, 72 + 16 * 64);
            assertThat(vm.values.keySet())
                    .containsExactly(
                            "remote_tlb_flush",
                            "remote_tlb_flush_requests",
                            "mmu_shadow_zapped",
                            "mmu_pte_write",
                            "mmu_pde_zapped",
                            "mmu_flooded",
                            "mmu_recycled",
                            "mmu_cache_miss",
                            "mmu_unsync",
                            "mmu_shadow_pages",
                            "pages_4k",
                            "pages_2m",
                            "pages_1g",
                            "nx_lpage_splits",
                            "max_mmu_rmap_size",
                            "max_mmu_page_hash_collisions");
            assertThat(vm.values).containsEntry("pages_4k", 3L);
            assertThat(vm.flags.get("pages_4k")).isEqualTo(StatsDescriptorLayout.TYPE_INSTANT);
            assertThat(vm.flags.get("max_mmu_rmap_size")).isEqualTo(StatsDescriptorLayout.TYPE_PEAK);
        }
    }

    @Test
    void stat02TheVcpusFile() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            host.guestRead(0);
            host.guestRead(PAGE);
            Read vcpu = Read.of(host, host.vcpuFile);
            assertThat(vcpu.id).isEqualTo("kvm-" + host.kernel.process().pid() + "/vcpu-0");
            assertThat(vcpu.values).hasSize(45).containsEntry("pf_taken", 2L).containsEntry("pf_fixed", 1L);
            assertThat(vcpu.values).containsEntry("pf_emulate", 1L).containsEntry("pf_mmio_spte_created", 1L);
            assertThat(vcpu.flags.get("pf_taken")).isEqualTo(StatsDescriptorLayout.TYPE_CUMULATIVE);
            assertThat(vcpu.flags.get("guest_mode"))
                    .isEqualTo(StatsDescriptorLayout.TYPE_INSTANT | StatsDescriptorLayout.UNIT_BOOLEAN);
            assertThat(List.copyOf(vcpu.values.keySet()).subList(11, 18))
                    .containsExactly(
                            "pf_taken",
                            "pf_fixed",
                            "pf_emulate",
                            "pf_spurious",
                            "pf_fast",
                            "pf_mmio_spte_created",
                            "pf_guest");
        }
    }
}
