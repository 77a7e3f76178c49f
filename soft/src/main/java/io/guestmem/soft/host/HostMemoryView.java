package io.guestmem.soft.host;

/**
 * A process's memory as KVM uses it on behalf of a VM. Implemented by the address space; thread-safe.
 */
public interface HostMemoryView {
    /**
     * Looks up the page behind an address, faulting it in as {@code get_user_pages} would.
     *
     * <p>For a read the page comes as it is now: a page that was never touched is the shared zero page, read-only; a page
     * shared by fork stays shared; writable is answered opportunistically, if the host's entry is writable now. For a write
     * copy-on-write is broken. Source: kernel.md 3.4, Linux 7.2 {@code kvm_main.c:hva_to_pfn}.
     *
     * @param hva in a page
     * @param write whether the guest wants to write
     * @return a {@link HostFault}
     */
    long faultIn(long hva, boolean write);

    /**
     * {@link #faultIn(long, boolean)} of pages in a row, up to the first that fails.
     *
     * @param hva in the first page
     * @param count pages, at most the length of {@code faults}
     * @param faults takes a {@link HostFault} for each
     * @return the pages looked up; if fewer than asked for, {@code faults} has the failure at that index
     */
    default int faultIn(long hva, int count, boolean write, long[] faults) {
        for (int i = 0; i < count; i++) {
            faults[i] = faultIn(hva + ((long) i << 12), write);
            if (!HostFault.isPage(faults[i])) {
                return i;
            }
        }
        return count;
    }

    /**
     * The level of the host's present mapping of an address, without faulting anything in: 1, 2 or 3; 1 if there is none.
     * Source: Linux 7.2 {@code mmu.c:host_pfn_mapping_level}.
     */
    int mappingLevel(long hva);

    /** Registers a VM; it hears of every change from now on. */
    void register(MmuNotifier notifier);

    /** Takes a VM off. */
    void unregister(MmuNotifier notifier);
}
