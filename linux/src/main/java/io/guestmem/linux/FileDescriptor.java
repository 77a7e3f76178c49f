package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * An open file descriptor of this process, owned: closing the object closes the descriptor.
 *
 * <p>Thread-safe. Calls in flight are counted, and {@code close(2)} happens when the last of them has returned: a number that
 * the kernel hands out again is never hit by a late call. A call that starts after {@link #close} fails with an
 * {@link IllegalStateException}.
 *
 * <p>Descriptors opened here carry {@code O_CLOEXEC}.
 */
public final class FileDescriptor implements AutoCloseable {
    private static final int O_CLOEXEC = 0x80000;
    private static final int AT_FDCWD = -100;
    private static final int F_GETFD = 1;
    private static final int F_SETFD = 2;
    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int FD_CLOEXEC = 1;
    private static final int O_NONBLOCK = 0x800;
    private static final int RWF_NOWAIT = 8;
    private static final int SEEK_END = 2;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private final int number;
    private final String name;

    private final InFlight calls = new InFlight();

    private FileDescriptor(int number, String name) {
        this.number = number;
        this.name = name;
    }

    /**
     * Takes over a descriptor that a system call has just returned.
     *
     * @param number the descriptor, 0 or more
     * @param name what it is, for messages
     */
    public static FileDescriptor adopt(int number, String name) {
        if (number < 0) {
            throw new IllegalArgumentException("not a descriptor: " + number);
        }
        return new FileDescriptor(number, name);
    }

    /**
     * Opens a file with {@code O_CLOEXEC}.
     *
     * @param access how it is opened
     * @throws LinuxException with the errno of {@code openat(2)}
     */
    public static FileDescriptor open(Path path, OpenMode access) {
        return adopt((int) LinuxException.check(tryOpen(path, access), "openat", path), path.toString());
    }

    /** As {@link #open}, but returns the descriptor's number or a negated errno. */
    static long tryOpen(Path path, OpenMode access) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(path.toString(), StandardCharsets.UTF_8);
            return SystemCall.restarting(
                    SystemCallNumber.OPENAT, AT_FDCWD, name.address(), access.flags() | O_CLOEXEC, 0666, 0, 0);
        }
    }

    /** The number, for messages and for handing to a child process; it stays owned by this object. */
    public int number() {
        return number;
    }

    /** What this descriptor is, for messages. */
    public String name() {
        return name;
    }

    /**
     * {@code ioctl(2)} with a value as its argument; made once, so {@code -EINTR} is a possible result.
     *
     * @return the result, 0 or more, or a negated errno
     */
    public long ioctl(int request, long argument) {
        return call(SystemCallNumber.IOCTL, Integer.toUnsignedLong(request), argument, 0, 0);
    }

    /**
     * {@code ioctl(2)} with a pointer as its argument; made once, so {@code -EINTR} is a possible result.
     *
     * @param argument native memory that stays alive during the call
     * @return the result, 0 or more, or a negated errno
     */
    public long ioctl(int request, MemorySegment argument) {
        try {
            return call(SystemCallNumber.IOCTL, Integer.toUnsignedLong(request), address(argument), 0, 0);
        } finally {
            Reference.reachabilityFence(argument);
        }
    }

    /**
     * {@code read(2)}, repeated while a signal interrupts it.
     *
     * @return bytes read, 0 at the end of the file, or a negated errno ({@code -EAGAIN} if it would block)
     */
    public long read(MemorySegment into) {
        try {
            return restarting(SystemCallNumber.READ, address(into), into.byteSize(), 0, 0);
        } finally {
            Reference.reachabilityFence(into);
        }
    }

    /**
     * {@code preadv2(2)} with {@code RWF_NOWAIT} at the file's own position, repeated while a signal interrupts it: never blocks,
     * whatever {@code O_NONBLOCK} says.
     *
     * @param vector one {@link IovecLayout}
     * @return as {@link #read}; {@code -EOPNOTSUPP} if the kernel cannot do that with such a file
     */
    long readNow(MemorySegment vector) {
        begin();
        try {
            return SystemCall.restarting(SystemCallNumber.PREADV2, number, address(vector), 1, -1, -1, RWF_NOWAIT);
        } finally {
            end();
            Reference.reachabilityFence(vector);
        }
    }

    /**
     * {@code pread(2)}, repeated while a signal interrupts it.
     *
     * @param offset in the file, in bytes
     * @return bytes read, 0 at the end of the file, or a negated errno
     */
    public long readAt(long offset, MemorySegment into) {
        try {
            return readAt(offset, address(into), into.byteSize());
        } finally {
            Reference.reachabilityFence(into);
        }
    }

    /**
     * {@code pread(2)} to an address: for memory that Java code must not touch.
     *
     * @param offset in the file, in bytes
     * @param address where to, in this process
     * @param length in bytes
     * @return bytes read, 0 at the end of the file, or a negated errno
     */
    public long readAt(long offset, long address, long length) {
        return restarting(SystemCallNumber.PREAD64, address, length, offset, 0);
    }

    /**
     * {@code write(2)}, repeated while a signal interrupts it.
     *
     * @return bytes written, or a negated errno
     */
    public long write(MemorySegment from) {
        try {
            return restarting(SystemCallNumber.WRITE, address(from), from.byteSize(), 0, 0);
        } finally {
            Reference.reachabilityFence(from);
        }
    }

    /**
     * {@code pwrite(2)}, repeated while a signal interrupts it.
     *
     * @param offset in the file, in bytes
     * @return bytes written, or a negated errno
     */
    public long writeAt(long offset, MemorySegment from) {
        try {
            return restarting(SystemCallNumber.PWRITE64, address(from), from.byteSize(), offset, 0);
        } finally {
            Reference.reachabilityFence(from);
        }
    }

    /** What {@code fstat(2)} says. */
    public FileStatus status() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment stat = arena.allocate(FileStatus.SIZE, Long.BYTES);
            LinuxException.check(call(SystemCallNumber.FSTAT, stat.address(), 0, 0, 0), "fstat", name);
            return FileStatus.of(stat);
        }
    }

    /**
     * {@code lseek(2)} with {@code SEEK_DATA}: where data begins, at an offset or behind it. A file system that knows of no
     * holes says that everything is data. Moves the file's position, which nothing here uses.
     *
     * @return the offset, or {@code -ENXIO} if only a hole follows
     */
    public long seekData(long offset) {
        return call(SystemCallNumber.LSEEK, offset, SEEK_DATA, 0, 0);
    }

    /** As {@link #seekData}, with {@code SEEK_HOLE}: where a hole begins; the end of the file counts as one. */
    public long seekHole(long offset) {
        return call(SystemCallNumber.LSEEK, offset, SEEK_HOLE, 0, 0);
    }

    /** The size of the file in bytes, or a negated errno; cheaper than {@link #status}. */
    public long seekEnd() {
        return call(SystemCallNumber.LSEEK, 0, SEEK_END, 0, 0);
    }

    /**
     * Sets the size of the file.
     *
     * @param length in bytes
     * @throws LinuxException with the errno of {@code ftruncate(2)}
     */
    public void truncate(long length) {
        LinuxException.check(restarting(SystemCallNumber.FTRUNCATE, length, 0, 0, 0), "ftruncate", name, length);
    }

    /**
     * {@code fallocate(2)}, made once: KVM answers {@code EINTR} between pages and keeps what it has allocated.
     *
     * @param mode {@code FALLOC_FL_KEEP_SIZE} is 1, {@code FALLOC_FL_PUNCH_HOLE} is 2
     * @return 0, or a negated errno
     */
    public long allocate(int mode, long offset, long length) {
        return call(SystemCallNumber.FALLOCATE, mode, offset, length, 0);
    }

    /** Whether a child made by {@code execve(2)} does not inherit the descriptor. */
    public boolean isCloseOnExec() {
        return (LinuxException.check(call(SystemCallNumber.FCNTL, F_GETFD, 0, 0, 0), "fcntl", name) & FD_CLOEXEC) != 0;
    }

    /** Sets {@code FD_CLOEXEC}: for descriptors that the kernel makes without it, as guest_memfd's. */
    public FileDescriptor closeOnExec() {
        LinuxException.check(call(SystemCallNumber.FCNTL, F_SETFD, FD_CLOEXEC, 0, 0), "fcntl", name);
        return this;
    }

    /** Sets {@code O_NONBLOCK}, for everybody who has a copy of this descriptor. */
    public FileDescriptor nonBlocking() {
        long flags = LinuxException.check(call(SystemCallNumber.FCNTL, F_GETFL, 0, 0, 0), "fcntl", name);
        if ((flags & O_NONBLOCK) == 0) {
            LinuxException.check(call(SystemCallNumber.FCNTL, F_SETFL, flags | O_NONBLOCK, 0, 0), "fcntl", name);
        }
        return this;
    }

    /** Clears {@code O_NONBLOCK}, for everybody who has a copy of this descriptor. */
    public void blocking() {
        long flags = LinuxException.check(call(SystemCallNumber.FCNTL, F_GETFL, 0, 0, 0), "fcntl", name);
        LinuxException.check(call(SystemCallNumber.FCNTL, F_SETFL, flags & ~O_NONBLOCK, 0, 0), "fcntl", name);
    }

    /** A second descriptor of the same open file, with {@code O_CLOEXEC}. */
    public FileDescriptor duplicate() {
        long copy = LinuxException.check(call(SystemCallNumber.FCNTL, F_DUPFD_CLOEXEC, 0, 0, 0), "fcntl", name);
        return adopt((int) copy, name);
    }

    /** Whether {@link #close} has been called. */
    public boolean isClosed() {
        return calls.isClosed();
    }

    /**
     * Closes the descriptor when the last call in flight has returned. Closing twice is allowed. An error that
     * {@code close(2)} reports changes nothing: the descriptor is gone all the same.
     */
    @Override
    public void close() {
        if (calls.close()) {
            SystemCall.once(SystemCallNumber.CLOSE, number, 0, 0);
        }
    }

    @Override
    public String toString() {
        return name + " (descriptor " + number + (isClosed() ? ", closed)" : ")");
    }

    /** One call on this descriptor, which stays open until it has returned. */
    long call(SystemCallNumber call, long b, long c, long d, long e) {
        begin();
        try {
            return SystemCall.once(call, number, b, c, d, e, 0);
        } finally {
            end();
        }
    }

    /** As {@link #call}, repeated while a signal interrupts it. */
    long restarting(SystemCallNumber call, long b, long c, long d, long e) {
        begin();
        try {
            return SystemCall.restarting(call, number, b, c, d, e, 0);
        } finally {
            end();
        }
    }

    /** Holds the descriptor open until {@link #end}. */
    void begin() {
        calls.begin(name);
    }

    /** Ends what {@link #begin} began; the last one out closes. */
    void end() {
        if (calls.end()) {
            SystemCall.once(SystemCallNumber.CLOSE, number, 0, 0);
        }
    }

    /** The address of native memory; a segment that is closed would name memory that is something else by now. */
    static long address(MemorySegment segment) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException("not native memory: " + segment);
        }
        if (!segment.scope().isAlive()) {
            throw new IllegalStateException("already closed: " + segment);
        }
        return segment.address();
    }
}
