package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Vm;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.SevSession;
import io.guestmem.soft.SoftKernel;
import java.util.BitSet;
import java.util.Optional;

/**
 * The host under a kernel, as far as the seam does not reach: files in memory, userfaultfd, page tables and fault counts. It
 * takes the side of the process that the VMs belong to.
 */
sealed interface DemoHost permits LinuxHost, SoftHost {
    /**
     * The host under a kernel.
     *
     * @throws IllegalArgumentException for a kernel that is neither this machine's nor a software kernel
     */
    static DemoHost of(Kernel kernel) {
        return switch (kernel) {
            case LinuxKernel _ -> new LinuxHost();
            case SoftKernel soft -> new SoftHost(soft);
            default -> throw new IllegalArgumentException("no host is known under the kernel " + kernel.name());
        };
    }

    /** Whether nothing of it is real but the bytes. */
    boolean isSimulated();

    /** Maps the file privately, with zeroes behind it. */
    HostMemory map(GuestImage image);

    /** Fills memory from the file by {@code read(2)}, as far as the file reaches. */
    void read(GuestImage image, HostMemory into);

    /** Why there is no userfaultfd for faults of the kernel. */
    Optional<String> lackingUserfaultfd();

    /**
     * Memory that a userfaultfd guards, with somebody who serves it from the file.
     *
     * @param before whether {@link DemoMemory#populate} fills it
     */
    DemoMemory guard(GuestImage image, boolean before);

    /** The pages of memory that are in the process's page table; looking touches none. Bit n stands for page n. */
    BitSet presentPages(HostMemory memory);

    /** Page faults of the process so far, minor and major. */
    long pageFaults();

    /** Launch and pages of a confidential guest, which only a model of the hardware shows. */
    default Optional<LaunchSnapshot> launch(Vm vm) {
        return Optional.empty();
    }

    /** What the owner of a SEV guest would know; empty where there is no owner. */
    default Optional<SevSession> session(Vm vm) {
        return Optional.empty();
    }
}
