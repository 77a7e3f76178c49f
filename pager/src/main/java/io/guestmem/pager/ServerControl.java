package io.guestmem.pager;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What can be asked of a server and done with its VMs while it serves. Thread-safe. */
public final class ServerControl {
    private final VmSet vms;
    private final Consumer<ServerEvent> events;

    ServerControl(VmSet vms, Consumer<ServerEvent> events) {
        this.vms = vms;
        this.events = events;
    }

    private VmRequests requests(int vm) throws IOException {
        return new VmRequests(vms.vm(vm), events);
    }

    /**
     * Writes a diff snapshot of a VM while it runs, if its writes are tracked: the pages that it has written since it was attached
     * or since its last diff, as a layer over the snapshot and the earlier diffs. What is in it is fixed at the event {@code CUT}; who
     * wants the state of the vCPUs to fit pauses the VM until then.
     *
     * @param vm its number
     * @param file must not be there
     * @throws IOException with the reason why there is no diff; what it would have had is in the next one
     */
    public DiffSnapshot writeDiff(int vm, Path file) throws IOException {
        return requests(vm).writeDiff(file);
    }

    /**
     * Makes huge pages of what a VM has of its memory, in pieces of 2 MiB. Needs CAP_SYS_NICE and ptrace access to the VMM.
     *
     * @param vm its number
     * @return what became of the pieces; a kernel or a permission that is missing is among them, by errno
     * @throws IOException if there is no such VM, or if its memory must keep its pages
     */
    public CollapseReport collapse(int vm) throws IOException {
        return requests(vm).collapse();
    }

    /**
     * Installs everything of a VM that was never installed, in the background.
     *
     * @param vm its number
     * @throws IOException if there is no such VM, or if that is being done
     */
    public void prefetch(int vm) throws IOException {
        vms.vm(vm).prefetch();
    }

    /**
     * Gives a VM the rest of its memory and lets it go; returns when that is done.
     *
     * @param vm its number
     * @throws IOException if there is no such VM, or if it cannot get all
     */
    public void release(int vm) throws IOException {
        vms.release(vms.vm(vm));
    }

    /** What the server does, in the text format of Prometheus. */
    public String metrics() {
        return MetricsText.of(status(), vms.attached(), vms.refused());
    }

    /** All VMs as they are now. */
    List<VmStatus> status() {
        List<VmStatus> all = new ArrayList<>();
        for (ServedVm vm : vms.all()) {
            try {
                all.add(VmStatus.of(vm));
            } catch (IllegalStateException _) {
                // It has ended meanwhile.
            }
        }
        return all;
    }
}
