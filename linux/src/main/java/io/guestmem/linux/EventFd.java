package io.guestmem.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@code eventfd(2)}: a counter that wakes whoever polls its descriptor. Thread-safe; no call blocks. */
public final class EventFd implements AutoCloseable {
    private static final int EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800;

    private final FileDescriptor descriptor;

    private EventFd(FileDescriptor descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Makes one that counts 0.
     *
     * @throws LinuxException with the errno of {@code eventfd2(2)}
     */
    public static EventFd create() {
        long number = SystemCall.once(SystemCallNumber.EVENTFD2, 0, EFD_CLOEXEC_NONBLOCK, 0);
        return new EventFd(FileDescriptor.adopt((int) LinuxException.check(number, "eventfd2"), "eventfd"));
    }

    /** Adds 1. A counter that is full ({@code EAGAIN}) wakes its waiters all the same, and stays as it is. */
    public void signal() {
        long result = transfer(SystemCallNumber.WRITE, 1);
        if (result != -Errno.EAGAIN.number()) {
            LinuxException.check(result, "write", descriptor);
        }
    }

    /** Sets the counter to 0 and returns what it was: how often it was signalled, 0 if not at all. */
    public long drain() {
        long result = transfer(SystemCallNumber.READ, 0);
        if (result == -Errno.EAGAIN.number()) {
            return 0;
        }
        LinuxException.check(result, "read", descriptor);
        return Scratch.get().get(ValueLayout.JAVA_LONG, 0);
    }

    private long transfer(SystemCallNumber call, long value) {
        MemorySegment counter = Scratch.get();
        counter.set(ValueLayout.JAVA_LONG, 0, value);
        return descriptor.restarting(call, counter.address(), Long.BYTES, 0, 0);
    }

    /** The descriptor, readable while the counter is not 0; it stays owned by this object. */
    public FileDescriptor descriptor() {
        return descriptor;
    }

    @Override
    public void close() {
        descriptor.close();
    }
}
