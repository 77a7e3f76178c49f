package io.guestmem.soft;

import java.util.List;
import java.util.stream.Collectors;

/**
 * The software kernel as it was.
 *
 * @param processes in the order of their numbers
 */
public record KernelSnapshot(List<ProcessSnapshot> processes) {
    /** Copies the list. */
    public KernelSnapshot {
        processes = List.copyOf(processes);
    }

    /** The VMs of all processes. */
    public List<VmSnapshot> machines() {
        return processes.stream()
                .flatMap(process -> process.machines().stream())
                .toList();
    }

    /** Everything as tables. */
    public String describe() {
        return processes.stream().map(ProcessSnapshot::describe).collect(Collectors.joining("\n"));
    }
}
