package io.guestmem.soft.vm;

import io.guestmem.soft.JavaGuest;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.mmu.GuestAccess;
import org.jspecify.annotations.Nullable;

/**
 * The registers of a vCPU and its run loop: what the VM needs of them. Implemented in {@code io.guestmem.soft.cpu}.
 *
 * <p>Every call comes under the vCPU's mutex, from any thread, one at a time.
 */
public interface VirtualCpu {
    /** Makes the vCPUs of a VM. */
    interface Factory {
        /** A vCPU as it is after reset. */
        VirtualCpu create(VcpuContext context);

        /** {@code KVM_GET_SUPPORTED_CPUID} of the system: 0 or a negated errno. */
        long supportedCpuid(SoftKernelOptions options, UserArgument argument);
    }

    /** {@link #request} does not know the request. */
    long UNKNOWN_REQUEST = Long.MIN_VALUE;

    /**
     * Answers a request that only concerns the vCPU's own state: registers, sregs and sregs2, MSRs, CPUID, MP state, signal
     * mask, SMI, {@code KVM_TRANSLATE} and {@code KVM_TRANSLATE2}, {@code KVM_ENABLE_CAP} of a vCPU.
     *
     * @param code the whole request code
     * @return 0 or more, a negated errno, or {@link #UNKNOWN_REQUEST}
     */
    long request(int code, UserArgument argument);

    /**
     * {@code KVM_RUN}: runs until there is an exit, which is then in {@link VcpuContext#run}. Every instruction asks the memory
     * at least once (its fetch), so that whoever waits for the vCPU to let go of old translations does not wait for ever.
     *
     * @return 0, or a negated errno
     */
    long run(GuestAccess memory);

    /** Lets Java code run instead of the instructions in memory; null for instructions again. */
    void setGuest(@Nullable JavaGuest guest);

    /** Whether it is in system management mode, and so in the second address space. */
    boolean inSystemManagementMode();

    /** Whether it runs a nested guest. */
    boolean inGuestMode();

    /** Whether the nested guest has stage-2 tables of its own ({@code nEPT}, {@code nNPT}). */
    boolean nestedPaging();

    /** The physical address bits of the guest's CPUID; 36 if it has none. Decides whether stage 2 has 5 levels. */
    int physicalAddressBits();
}
