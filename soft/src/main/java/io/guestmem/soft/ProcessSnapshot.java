package io.guestmem.soft;

import io.guestmem.soft.vm.VmFile;
import io.guestmem.soft.vm.VmInspection;
import java.util.ArrayList;
import java.util.List;

/**
 * A simulated process as it was.
 *
 * @param pid its number
 * @param memory runs of neighbouring host pages in the same state, a line each
 * @param machines the VMs that it made, by descriptor
 */
public record ProcessSnapshot(int pid, List<String> memory, List<VmSnapshot> machines) {
    /** Copies the lists. */
    public ProcessSnapshot {
        memory = List.copyOf(memory);
        machines = List.copyOf(machines);
    }

    static ProcessSnapshot of(SoftProcess process) {
        List<VmSnapshot> machines = new ArrayList<>();
        for (FileTable.Descriptor descriptor : process.files().all()) {
            if (descriptor.file() instanceof VmFile file && file.vm().memory() == process.memory()) {
                machines.add(VmInspection.snapshot(file.vm()));
            }
        }
        List<String> memory =
                process.memory().describe().stream().map(Object::toString).toList();
        return new ProcessSnapshot(process.pid(), memory, machines);
    }

    /** The process as tables. */
    public String describe() {
        StringBuilder text = new StringBuilder("process " + pid + "\n");
        memory.forEach(run -> text.append("  ").append(run).append('\n'));
        machines.forEach(machine -> text.append(machine.describe().indent(2)));
        return text.toString();
    }
}
