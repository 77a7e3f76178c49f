package io.guestmem.soft.vm;

import io.guestmem.paging.PhysicalMemory;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.MemorySegment;

/**
 * What a vCPU's registers and run loop need of the VM. To be used under the vCPU's mutex.
 */
public interface VcpuContext {
    /** The vCPU's id. */
    int id();

    /** What the host is like. */
    SoftKernelOptions options();

    /** The {@code kvm_run} that is shared with the user: one page, of native memory. */
    MemorySegment run();

    /** The page with the data of port accesses, the second of the vCPU's file: native memory. */
    MemorySegment portData();

    /**
     * Guest page tables as KVM walks them: through memslots of the current address space and host memory, without stage 2.
     * Writes mark pages dirty.
     */
    PhysicalMemory tables();

    /**
     * Whether a signal is pending for the calling thread.
     *
     * @param mask the signals that are blocked ({@code KVM_SET_SIGNAL_MASK}); bit n − 1 is signal n
     */
    boolean signalPending(long mask);

    /** Whether so many pages are in the vCPU's dirty ring that the guest must not be entered. */
    boolean ringIsFull();

    /** The signals that the calling thread blocks outside {@code KVM_RUN}: what counts if there is no mask. */
    long threadSignalMask();

    /** The state that decides which root is used has changed: SMM, guest mode, CPUID. */
    void roleChanged();

    /** The hypercalls that are exits ({@code KVM_CAP_EXIT_HYPERCALL}): bit n is hypercall n. */
    long hypercallExits();

    /** Counts something in the vCPU's statistics, by its upstream name: {@code exits}, {@code mmio_exits}, {@code io_exits}. */
    void count(VcpuCounter counter);
}
