package io.guestmem.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.file.Path;

/**
 * Memory of a process, of this one too, read and written by system call: a way to touch memory that a userfaultfd guards, or
 * that may not be there.
 *
 * <p>On a kernel that was built without {@code CONFIG_CROSS_MEMORY_ATTACH} both go through {@code /proc/PID/mem}, which differs in
 * one thing: it also reaches private pages that are protected.
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
            long result = SystemCall.restarting(call, pid, local, 1, local + IovecLayout.SIZE, 1, 0);
            return result == -Errno.ENOSYS.number() ? transferByFile(call, pid, address, here) : result;
        } finally {
            Reference.reachabilityFence(here);
        }
    }

    /** The same through {@code /proc/PID/mem}, which says EIO where the system calls say EFAULT (Linux 7.2 {@code mem_rw}). */
    static long transferByFile(SystemCallNumber call, int pid, long address, MemorySegment here) {
        boolean reads = call == SystemCallNumber.PROCESS_VM_READV;
        Path path = Path.of("/proc", Integer.toString(pid), "mem");
        try (FileDescriptor memory = FileDescriptor.open(path, reads ? OpenMode.READ : OpenMode.READ_WRITE)) {
            long result = reads ? memory.readAt(address, here) : memory.writeAt(address, here);
            return result == -Errno.EIO.number() ? -Errno.EFAULT.number() : result;
        } catch (LinuxException refused) {
            return -refused.errno().number();
        }
    }
}
