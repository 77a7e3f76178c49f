package io.guestmem.abi;

import java.lang.foreign.MemorySegment;

/**
 * A kernel that answers KVM's ioctls: the real one, or the software kernel. The lower half of the seam starts here.
 *
 * <p>Thread-safe.
 */
public interface Kernel {
    /** {@code linux} or {@code soft}; results carry it, so that a figure of one is never taken for the other's. */
    String name();

    /**
     * Opens {@code /dev/kvm}.
     *
     * @return the system file
     * @throws KernelUnavailableException if there is none or it may not be opened
     */
    KvmFile open();

    /**
     * Takes over a descriptor that an ioctl of this kernel has just returned: a VM, a vCPU, a guest_memfd, a statistics file.
     *
     * @param descriptor 0 or more
     * @param name what it is, for messages
     */
    KvmFile adopt(int descriptor, String name);

    /**
     * Maps memory of the process that the VMs belong to, zeroed, readable and writable, to back memslots with.
     *
     * @param length in bytes, a positive multiple of 4096
     */
    HostMemory allocate(HostMemoryKind kind, long length);

    /** {@link #allocate(HostMemoryKind, long)} of anonymous private memory. */
    default HostMemory allocate(long length) {
        return allocate(HostMemoryKind.PRIVATE_ANONYMOUS, length);
    }

    /**
     * Shows memory to the kernel, so that structs can point to it.
     *
     * @param memory native; the caller keeps it alive until the answer is closed
     */
    UserMemory expose(MemorySegment memory);

    /** The calling thread, as other threads can interrupt it while it runs a vCPU. */
    VcpuThread currentThread();
}
