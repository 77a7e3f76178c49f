package io.guestmem.soft.confidential;

import io.guestmem.abi.VmType;
import io.guestmem.soft.mmu.KernelMemory;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;

/** The VM, as a confidential guest needs it. Thread-safe. */
public interface GuestMachine {
    /** The type of the VM. */
    VmType type();

    /** The types of VMs that the host makes. */
    Set<VmType> hostTypes();

    /** The vCPUs in the order of their creation. */
    List<? extends GuestVcpu> vcpus();

    /** Does something under {@code slots_lock}. */
    long withSlotsLock(LongSupplier action);

    /** Whether the memory attribute of a page says that it is private. */
    boolean isPrivate(long gfn);

    /** Pages from a gfn to the end of its memslot with guest_memfd; 0 if there is none. Under {@code slots_lock}. */
    long privatePages(long gfn);

    /**
     * {@code kvm_gmem_populate} of one page that {@link #privatePages} has: finds the page's frame and fills it.
     *
     * @param content is told the frame, and answers 0 or a negated errno
     * @return 0 or a negated errno
     */
    int populate(long gfn, PageContent content);

    /** The bytes of a frame: 4096. */
    MemorySegment frame(long pfn);

    /** The frame behind writable memory of the process, faulted in; or a negated errno. */
    long hostPage(long hva);

    /** Memory of the simulated kernel itself. */
    KernelMemory kernelMemory();

    /** The entries that {@code KVM_GET_SUPPORTED_CPUID} answers, one behind the other. */
    MemorySegment supportedCpuid();

    /** Fills a page. */
    @FunctionalInterface
    interface PageContent {
        /** Fills a frame: 0 or a negated errno. */
        int put(long pfn);
    }
}
