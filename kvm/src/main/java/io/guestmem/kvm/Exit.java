package io.guestmem.kvm;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;

/**
 * Why {@code KVM_RUN} came back. What a VMM must answer has a type of its own; anything else is {@link Unknown}, with its
 * number. Source: Linux 7.2 {@code include/uapi/linux/kvm.h}.
 */
public sealed interface Exit {
    /**
     * Port input or output ({@code KVM_EXIT_IO}).
     *
     * @param isOutput whether the guest wrote; otherwise the VMM writes the answer to {@link Vcpu#ioData} before the next run
     * @param size of one access in bytes: 1, 2 or 4
     * @param port the port, 0 to 65535
     * @param count accesses, more than 1 for string instructions
     * @param dataOffset where the data is in the vCPU's shared pages, in bytes
     */
    record Io(boolean isOutput, int size, int port, int count, long dataOffset) implements Exit {}

    /**
     * Access to guest-physical memory behind which there is no memslot ({@code KVM_EXIT_MMIO}).
     *
     * @param gpa the address
     * @param data what the guest wrote, little-endian, in the lowest {@code length} bytes
     * @param length in bytes, 1 to 8
     * @param isWrite whether the guest wrote
     */
    record Mmio(long gpa, long data, int length, boolean isWrite) implements Exit {}

    /** The guest halted ({@code KVM_EXIT_HLT}). */
    record Halt() implements Exit {}

    /** The guest cannot go on, as after a triple fault ({@code KVM_EXIT_SHUTDOWN}). */
    record Shutdown() implements Exit {}

    /**
     * An access that KVM could not resolve and user space can ({@code KVM_EXIT_MEMORY_FAULT}).
     *
     * @param gpa the page
     * @param size in bytes
     * @param isPrivate whether the access was private
     * @param error EFAULT or EHWPOISON, as {@code KVM_RUN} answered
     */
    record MemoryFault(long gpa, long size, boolean isPrivate, ErrorNumber error) implements Exit {}

    /**
     * KVM gave up ({@code KVM_EXIT_INTERNAL_ERROR}).
     *
     * @param suberror 1 for an instruction that it could not emulate; see {@code KVM_INTERNAL_ERROR_*}
     */
    record KvmInternalError(int suberror) implements Exit {}

    /** {@link Vcpu#interrupt} or a signal ended the run ({@code EINTR}); the guest goes on with the next run. */
    record Interrupted() implements Exit {}

    /**
     * Any other reason.
     *
     * @param reason {@code KVM_EXIT_*}
     */
    record Unknown(int reason) implements Exit {
        @Override
        public String toString() {
            return "Unknown[" + ExitReason.name(reason) + "]";
        }
    }
}
