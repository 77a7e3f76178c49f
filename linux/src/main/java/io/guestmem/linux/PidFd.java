package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * {@code pidfd_open(2)}: a process by a descriptor, which never comes to mean another process.
 *
 * <p>Thread-safe. The descriptor becomes readable when the process has ended.
 */
public final class PidFd implements AutoCloseable {
    /** Ranges that one {@link #advise} takes at most ({@code UIO_MAXIOV}). */
    public static final int MAXIMUM_RANGES = 1024;

    private final int pid;
    private final FileDescriptor descriptor;

    private PidFd(int pid, FileDescriptor descriptor) {
        this.pid = pid;
        this.descriptor = descriptor;
    }

    /**
     * Opens a process.
     *
     * @throws LinuxException {@code ESRCH} if there is no such process
     */
    public static PidFd open(int pid) {
        long number = LinuxException.check(SystemCall.once(SystemCallNumber.PIDFD_OPEN, pid, 0, 0), "pidfd_open", pid);
        return new PidFd(pid, FileDescriptor.adopt((int) number, "process " + pid));
    }

    /** The number that the process had when it was opened. */
    public int pid() {
        return pid;
    }

    /** The descriptor, readable when the process has ended; it stays owned by this object. */
    public FileDescriptor descriptor() {
        return descriptor;
    }

    /**
     * {@code pidfd_send_signal(2)}.
     *
     * @param signal number of the signal, 0 only asks whether the process is there
     * @return false if the process is gone ({@code ESRCH})
     * @throws LinuxException {@code EPERM} or {@code EINVAL}
     */
    public boolean sendSignal(int signal) {
        long result = descriptor.call(SystemCallNumber.PIDFD_SEND_SIGNAL, signal, 0, 0, 0);
        if (result == -Errno.ESRCH.number()) {
            return false;
        }
        LinuxException.check(result, "pidfd_send_signal", pid, signal);
        return true;
    }

    /**
     * {@code pidfd_getfd(2)}: a copy of a descriptor of that process, with {@code O_CLOEXEC}.
     *
     * @param number of the descriptor in that process
     * @throws LinuxException {@code EBADF} if it has no such descriptor, {@code ESRCH} if it is gone, {@code EPERM} without
     *     ptrace access
     */
    public FileDescriptor duplicate(int number) {
        long copy = LinuxException.check(
                descriptor.call(SystemCallNumber.PIDFD_GETFD, number, 0, 0, 0), "pidfd_getfd", pid, number);
        return FileDescriptor.adopt((int) copy, "descriptor " + number + " of process " + pid);
    }

    /**
     * {@code process_madvise(2)}, repeated while a signal interrupts it before anything is done.
     *
     * @param ranges in that process, 1 to {@value #MAXIMUM_RANGES}, each starting at a multiple of the page size
     */
    public ProcessAdviceResult advise(Advice advice, List<RemoteRange> ranges) {
        if (ranges.isEmpty() || ranges.size() > MAXIMUM_RANGES) {
            throw new IllegalArgumentException("not 1 to " + MAXIMUM_RANGES + " ranges: " + ranges.size());
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment vector = arena.allocate(ranges.size() * IovecLayout.SIZE, Long.BYTES);
            long wanted = 0;
            long at = 0;
            for (RemoteRange range : ranges) {
                vector.set(ValueLayout.JAVA_LONG, at + IovecLayout.BASE, range.address());
                vector.set(ValueLayout.JAVA_LONG, at + IovecLayout.LEN, range.length());
                wanted += range.length();
                at += IovecLayout.SIZE;
            }
            long result = descriptor.restarting(
                    SystemCallNumber.PROCESS_MADVISE, vector.address(), ranges.size(), advice.number(), 0);
            return ProcessAdviceResult.of(result, wanted);
        }
    }

    /** Closes the descriptor; the process goes on. */
    @Override
    public void close() {
        descriptor.close();
    }
}
