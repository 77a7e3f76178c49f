package io.guestmem.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/** Memory of a process, of this one too, read by system call: a way to touch memory that a userfaultfd guards. */
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
        MemorySegment vectors = Scratch.get();
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.BASE, FileDescriptor.address(into));
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.LEN, into.byteSize());
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.SIZE + IovecLayout.BASE, address);
        vectors.set(ValueLayout.JAVA_LONG, IovecLayout.SIZE + IovecLayout.LEN, into.byteSize());
        try {
            long local = vectors.address();
            return SystemCall.restarting(
                    SystemCallNumber.PROCESS_VM_READV, pid, local, 1, local + IovecLayout.SIZE, 1, 0);
        } finally {
            Reference.reachabilityFence(into);
        }
    }
}
