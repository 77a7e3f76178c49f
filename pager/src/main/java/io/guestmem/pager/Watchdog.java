package io.guestmem.pager;

import io.guestmem.pager.ServerEvent.Kind;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Says when a VM's threads wait and nothing is resolved: the kernel's count of threads that wait stays above zero while the
 * event thread resolves no fault. The kernel counts whether the server works or not.
 *
 * <p>Each time this lasts longer than the bound it is said once. Belongs to one thread.
 */
final class Watchdog {
    private final long bound;
    private final Consumer<ServerEvent> events;
    private Map<Integer, Observed> observed = new HashMap<>();

    /**
     * What was seen of a VM.
     *
     * @param resolved faults
     * @param since when that number of them, with somebody waiting
     * @param isSaid whether it is said
     */
    private record Observed(long resolved, long since, boolean isSaid) {}

    /**
     * Makes it.
     *
     * @param bound in nanoseconds
     */
    Watchdog(long bound, Consumer<ServerEvent> events) {
        this.bound = bound;
        this.events = events;
    }

    /**
     * Looks at all VMs.
     *
     * @param now in {@link System#nanoTime}
     */
    void look(List<VmStatus> vms, long now) {
        Map<Integer, Observed> next = new HashMap<>();
        for (VmStatus vm : vms) {
            long resolved = vm.latencies().count();
            if (vm.waiting() > 0) {
                Observed before = observed.get(vm.vm());
                next.put(
                        vm.vm(),
                        before == null || before.resolved != resolved
                                ? new Observed(resolved, now, false)
                                : sayIfDue(vm, before, now));
            }
        }
        observed = next;
    }

    private Observed sayIfDue(VmStatus vm, Observed before, long now) {
        long nanos = now - before.since;
        if (before.isSaid || nanos < bound) {
            return before;
        }
        events.accept(new ServerEvent(
                Kind.BLOCKED,
                vm.vm(),
                "nothing was resolved while " + vm.waiting() + " threads wait",
                Map.of(
                        "waiting",
                        vm.waiting(),
                        "unread",
                        vm.unread(),
                        "millis",
                        TimeUnit.NANOSECONDS.toMillis(nanos))));
        return new Observed(before.resolved, before.since, true);
    }
}
