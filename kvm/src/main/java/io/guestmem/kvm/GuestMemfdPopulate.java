package io.guestmem.kvm;

import io.guestmem.abi.GuestMemfdPopulateLayout;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code KVM_GUEST_MEMFD_POPULATE}: content for private pages, from any process that has the VM's descriptor. Never merged: Linux
 * answers ENOTTY, or EIO in another process than the VM's; the software kernel has it. Thread-safe.
 *
 * <p>Its code returns the number of pages and its documentation says 0. The first call of this object is of one page, whose answer,
 * 1 or 0, tells which it is; where it is 0, all calls are of one page, so that a partial result cannot be taken for a whole one.
 */
public final class GuestMemfdPopulate {
    private final Kernel kernel;
    private final KvmFile vm;

    /** Whether results count pages, as far as is known. */
    private volatile boolean countsPages;

    /**
     * The request on a VM.
     *
     * @param kernel as the calling process sees it
     * @param vm the VM's file, in the calling process
     */
    public GuestMemfdPopulate(Kernel kernel, KvmFile vm) {
        this.kernel = kernel;
        this.vm = vm;
    }

    /**
     * Puts content in.
     *
     * @param start a multiple of 4096
     * @param content native memory, a positive multiple of 4096 bytes
     * @return bytes put in, at least 4096, or a negated errno: {@code -ENOTTY} if the kernel does not know the request,
     *     {@code -EIO} in a process that may not, {@code -EINVAL} without guest_memfd or private attribute, {@code -EEXIST} for a
     *     page that has content, {@code -EINTR}
     */
    public long write(GuestPhysical start, MemorySegment content) {
        try (UserMemory from = kernel.expose(content)) {
            return request(new GuestRange(start, content.byteSize()), from.address());
        }
    }

    /** Puts zeroes in; as {@link #write}. */
    public long zero(GuestRange range) {
        return request(range, 0);
    }

    private long request(GuestRange range, long from) {
        long size = countsPages ? range.size() : GuestPhysical.PAGE_SIZE;
        MemorySegment struct = Call.buffer(GuestMemfdPopulateLayout.STRUCT.size());
        struct.set(
                ValueLayout.JAVA_LONG,
                GuestMemfdPopulateLayout.GPA,
                range.start().value());
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.FROM, from);
        long result = vm.ioctl(KvmIoctl.GUEST_MEMFD_POPULATE.code(), struct);
        if (result == 1) {
            countsPages = true;
        }
        return result > 0 ? result * GuestPhysical.PAGE_SIZE : result == 0 ? size : result;
    }
}
