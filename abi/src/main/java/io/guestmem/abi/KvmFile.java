package io.guestmem.abi;

import java.lang.foreign.MemorySegment;

/**
 * An open file of KVM: the system, a VM, a vCPU, a guest_memfd or a statistics file. The seam itself.
 *
 * <p>Every operation answers as the kernel does: 0 or more is the result, {@code [-4095, -1]} is a negated errno. Nothing is
 * retried here: {@code -EINTR} and {@code -EAGAIN} reach the caller.
 *
 * <p>Thread-safe, as the kernel's files are. Use after {@link #close} is an {@link IllegalStateException}.
 */
public interface KvmFile extends AutoCloseable {
    /** The descriptor's number, for structs that carry one ({@code guest_memfd} of a memslot). */
    int descriptor();

    /** What this file is, for messages. */
    String name();

    /**
     * {@code ioctl(2)} with a plain value. For a request with a struct it is a pointer: 0 is {@code -EFAULT}, and anything else
     * must be an address that the kernel may touch ({@link Kernel#expose}).
     */
    long ioctl(int request, long argument);

    /**
     * {@code ioctl(2)} with a struct.
     *
     * @param argument native memory, at least as large as the request's struct and what follows it
     */
    long ioctl(int request, MemorySegment argument);

    /** {@code pread(2)}: statistics files answer it, guest_memfds refuse it. */
    long readAt(long offset, MemorySegment into);

    /**
     * {@code pwrite(2)}: proposed for guest_memfds; every released kernel refuses it.
     *
     * @return bytes written, or {@code -ESPIPE} where it is refused
     */
    default long writeAt(long offset, MemorySegment from) {
        return -ErrorNumber.ESPIPE.number();
    }

    /**
     * {@code fallocate(2)}: for guest_memfds.
     *
     * @param mode {@code FALLOC_FL_KEEP_SIZE} (1), with or without {@code FALLOC_FL_PUNCH_HOLE} (2)
     */
    long allocate(int mode, long offset, long length);

    /**
     * {@code mmap(2)} with {@code MAP_SHARED}, readable and writable: {@code kvm_run} of a vCPU, or a guest_memfd made with the
     * MMAP flag.
     *
     * @param offset in bytes, a multiple of 4096
     * @param length in bytes, a positive multiple of 4096
     * @throws KernelException with the errno if the kernel refuses
     */
    HostMemory map(long offset, long length);

    /**
     * Keeps the file out of programs that this process executes: guest_memfds come without {@code O_CLOEXEC}.
     *
     * @return this file
     */
    KvmFile closeOnExec();

    /** Closes the file when the last call in flight has returned. Closing twice is allowed. */
    @Override
    void close();
}
