package io.guestmem.pager;

import java.io.IOException;

/**
 * One VM at a moment.
 *
 * @param vm its number
 * @param pid of its VMM
 * @param bytes of memory
 * @param pageSize in bytes
 * @param served what the event thread did
 * @param ahead what the installer did
 * @param latencies of the faults that are resolved
 * @param waiting threads that wait for a fault, as the kernel counts them; -1 if it does not say
 * @param unread those of them whose message the server has not read
 * @param dirtyPages that a diff would have now; -1 if writes are not tracked
 */
record VmStatus(
        int vm,
        int pid,
        long bytes,
        long pageSize,
        Counters served,
        Counters ahead,
        Latencies latencies,
        long waiting,
        long unread,
        long dirtyPages) {
    /** How a VM is now, while its threads work. */
    static VmStatus of(ServedVm vm) {
        long waiting = -1;
        long unread = -1;
        try {
            UserfaultfdInfo info = UserfaultfdInfo.of(vm.userfaultfd());
            waiting = info.total();
            unread = info.pending();
        } catch (IOException _) {
            // The kernel does not say, or the VM ends meanwhile.
        }
        DirtyPages dirty = vm.guest().dirty();
        return new VmStatus(
                vm.number(),
                vm.process().pid(),
                vm.map().bytes(),
                vm.map().pageSize(),
                vm.served(),
                vm.ahead(),
                vm.latencies(),
                waiting,
                unread,
                dirty == null ? -1 : dirty.count());
    }
}
