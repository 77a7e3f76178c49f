package io.guestmem.conform;

import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.StatsDescriptorLayout;
import io.guestmem.abi.StatsHeaderLayout;
import java.util.List;
import java.util.Set;

/** The binary statistics. */
final class StatisticsChecks {
    private static final int HEADER_SIZE = 24;
    private static final int NAME_SIZE = 48;

    private StatisticsChecks() {}

    static List<Check> all() {
        return List.of(
                Check.of("STAT-01", "header and id", "binary_stats.c:kvm_stats_read", StatisticsChecks::header, REAL),
                Check.of(
                        "STAT-02",
                        "mapped pages are a level, faults are counted",
                        "kvm_host.h:STATS_DESC",
                        StatisticsChecks::types,
                        REAL));
    }

    private static void header(Trial t) {
        RawVm vm = t.vm();
        Statistics ofVm = vm.statistics();
        t.expect("flags", 0, ofVm.header(StatsHeaderLayout.FLAGS));
        t.expect("name_size", NAME_SIZE, ofVm.header(StatsHeaderLayout.NAME_SIZE));
        t.expect("id_offset", HEADER_SIZE, ofVm.header(StatsHeaderLayout.ID_OFFSET));
        t.expect("desc_offset", HEADER_SIZE + NAME_SIZE, ofVm.header(StatsHeaderLayout.DESC_OFFSET));
        t.expect("id of a VM is kvm-PID", true, ofVm.id().matches("kvm-\\d+"));
        t.expectSame(
                "id of a vCPU", ofVm.id() + "/vcpu-3", vm.vcpu(3).statistics().id());
    }

    private static void types(Trial t) {
        RawVm vm = t.vm();
        Statistics ofVm = vm.statistics();
        Statistics ofVcpu = vm.vcpu(0).statistics();
        for (String name : List.of("pages_4k", "pages_2m", "pages_1g")) {
            t.expect(name + " is instant", StatsDescriptorLayout.TYPE_INSTANT, type(ofVm, name));
        }
        Set<String> counted = Set.of("pf_taken", "pf_fixed", "pf_emulate", "pf_spurious", "pf_fast");
        for (String name : counted.stream().sorted().toList()) {
            t.expect(name + " is cumulative", StatsDescriptorLayout.TYPE_CUMULATIVE, type(ofVcpu, name));
        }
    }

    private static int type(Statistics statistics, String name) {
        Statistics.Descriptor row = statistics.descriptors().get(name);
        if (row == null) {
            throw new MismatchException("row " + name, "present", "absent");
        }
        return row.type();
    }
}
