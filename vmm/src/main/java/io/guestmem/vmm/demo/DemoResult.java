package io.guestmem.vmm.demo;

import io.guestmem.abi.VmType;
import java.util.List;

/**
 * What came of a demonstration.
 *
 * @param kernel the kernel's name, {@code linux} or {@code soft}
 * @param simulated whether that kernel is simulated: it counts faults as a real one does, on a host that maps 4 KiB at each;
 *     its times are those of an interpreter
 * @param vmType of the VMs
 * @param subject what it was about
 * @param memory the size of guest memory in bytes
 * @param runs in the order of {@link PopulationWay}
 */
public record DemoResult(
        String kernel, boolean simulated, VmType vmType, DemoSubject subject, long memory, List<DemoRun> runs) {
    /** Copies the list. */
    public DemoResult {
        runs = List.copyOf(runs);
    }

    /** Whether every guest that ran has the checksum of the file. */
    public boolean ok() {
        return runs.stream()
                .allMatch(run -> run.completed().map(DemoRun.Completed::ok).orElse(true));
    }
}
