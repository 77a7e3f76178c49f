package io.guestmem.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/**
 * Memory of a process, of this one too, read and written by system call: a way to touch memory that a userfaultfd guards, or
 * that may not be there.
 */
public final class ProcessMemory {
    private ProcessMemory() {}

    /**
     * {@code process_vm_readv(2)}, repeated while a signal interrupts it.
     *
     * @param pid the process
     * @param address in that process
     * @param into native memory of this process; its size is the length
     * @return bytes read, fewer than wanted if a page behind the first cannot be read, or a negated errno ({@code -EFAULT},
     *     {@code -ESRCH}, {@code -EPERM})
     */
    public static long read(int pid, long address, MemorySegment into) {
        return transfer(SystemCallNumber.PROCESS_VM_READV, pid, address, into);
    }

    /**
     * {@code process_vm_writev(2)}, repeated while a signal interrupts it.
     *
     * @param pid the process
     * @param address in that process
     * @param from native memory of this process; its size is the length
     * @return bytes written, fewer than wanted if a page behind the first cannot be written, or a negated errno
     *     ({@code -EFAULT}, {@code -ESRCH}, {@code -EPERM})
     */
    public static long write(int pid, long address, MemorySegment from) {
        return transfer(SystemCallNumber.PROCESS_VM_WRITEV, pid, address, from);
    }

    private static long transfer(SystemCallNumber call, int pid, long address, MemorySegment here) {
        MemorySegment vectors = Scratch.get();
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.BASE, FileDescriptor.address(here));
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.LEN, here.byteSize());
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.SIZE + IovecLayout.BASE, address);
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.SIZE + IovecLayout.LEN, here.byteSize());
        try {
            long local = vectors.address();
            return SystemCall.restarting(call, pid, local, 1, local + IovecLayout.SIZE, 1, 0);
        } finally {
            Reference.reachabilityFence(here);
        }
    }
}
