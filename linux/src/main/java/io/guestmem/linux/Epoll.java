package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code epoll(7)}, level-triggered unless asked otherwise: waits for many descriptors, each known by a number that its owner chooses.
 *
 * <p>{@link #add}, {@link #modify} and {@link #remove} may be called by any thread; {@link #await} and what reads its results
 * belong to one thread. A descriptor must be removed before it is closed if a copy of it lives on in another process, as the
 * kernel goes on reporting it.
 */
public final class Epoll implements AutoCloseable {
    /** Descriptors that one {@link #await} reports at most; the next one reports the others. */
    public static final int CAPACITY = 64;

    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final PollEvents EDGE_TRIGGERED = new PollEvents(1 << 31);
    private static final int EPOLL_CTL_ADD = 1;
    private static final int EPOLL_CTL_DEL = 2;
    private static final int EPOLL_CTL_MOD = 3;
    private static final long EINTR = Errno.EINTR.number();

    private final FileDescriptor descriptor;
    private final MemorySegment ready =
            Arena.ofAuto().allocate(CAPACITY * EpollEventLayout.SIZE + TimespecLayout.SIZE, Long.BYTES);
    private final MemorySegment time = ready.asSlice(CAPACITY * EpollEventLayout.SIZE, TimespecLayout.SIZE);
    private int size;

    private Epoll(FileDescriptor descriptor) {
        this.descriptor = descriptor;
    }

    /**
     * Makes an empty set.
     *
     * @throws LinuxException with the errno of {@code epoll_create1(2)}
     */
    public static Epoll create() {
        long number = SystemCall.once(SystemCallNumber.EPOLL_CREATE1, EPOLL_CLOEXEC, 0, 0);
        return new Epoll(FileDescriptor.adopt((int) LinuxException.check(number, "epoll_create1"), "epoll"));
    }

    /**
     * Adds a descriptor.
     *
     * @param token comes back from {@link #token}
     * @throws LinuxException {@code EEXIST} if it is there, {@code EPERM} for a file that cannot be waited for
     */
    public void add(FileDescriptor member, PollEvents events, long token) {
        control(EPOLL_CTL_ADD, member, events, token);
    }

    /**
     * Adds a descriptor, edge-triggered ({@code EPOLLET}): it is reported once for each time that something comes, which saves the
     * kernel from asking it again at every {@link #await}. Only for who reads until nothing is left before it waits.
     *
     * @param token comes back from {@link #token}
     * @throws LinuxException as {@link #add}
     */
    public void addEdgeTriggered(FileDescriptor member, PollEvents events, long token) {
        control(EPOLL_CTL_ADD, member, events.and(EDGE_TRIGGERED), token);
    }

    /**
     * Changes what a descriptor is waited for.
     *
     * @throws LinuxException {@code ENOENT} if it is not there
     */
    public void modify(FileDescriptor member, PollEvents events, long token) {
        control(EPOLL_CTL_MOD, member, events, token);
    }

    /**
     * Takes a descriptor out.
     *
     * @throws LinuxException {@code ENOENT} if it is not there
     */
    public void remove(FileDescriptor member) {
        control(EPOLL_CTL_DEL, member, PollEvents.NONE, 0);
    }

    private void control(int operation, FileDescriptor member, PollEvents events, long token) {
        MemorySegment event = Scratch.get();
        event.set(ValueLayout.JAVA_INT, EpollEventLayout.EVENTS, events.bits());
        event.set(ValueLayout.JAVA_LONG_UNALIGNED, EpollEventLayout.DATA, token);
        member.begin();
        try {
            long result = descriptor.call(SystemCallNumber.EPOLL_CTL, operation, member.number(), event.address(), 0);
            LinuxException.check(result, "epoll_ctl", member);
        } finally {
            member.end();
        }
    }

    /**
     * Waits until a descriptor is ready; goes on for the time that is left when a signal interrupts it.
     *
     * @param timeout in nanoseconds; 0 does not wait, negative waits for ever
     * @return how many descriptors are ready, 0 if the time is over
     * @throws LinuxException with the errno of {@code epoll_pwait2(2)}
     */
    public int await(long timeout) {
        Deadline deadline = Deadline.in(timeout);
        long result;
        do {
            result = descriptor.call(
                    SystemCallNumber.EPOLL_PWAIT2, ready.address(), CAPACITY, deadline.timespec(time), 0);
        } while (result == -EINTR);
        size = (int) LinuxException.check(result, "epoll_pwait2");
        return size;
    }

    /** The token of the ready descriptor at {@code index}, from 0 to below what {@link #await} returned. */
    public long token(int index) {
        return ready.get(ValueLayout.JAVA_LONG_UNALIGNED, at(index) + EpollEventLayout.DATA);
    }

    /** What the descriptor at {@code index} is ready for. */
    public PollEvents events(int index) {
        return new PollEvents(ready.get(ValueLayout.JAVA_INT, at(index) + EpollEventLayout.EVENTS));
    }

    /** Whether the descriptor at {@code index} is ready for one of some; makes no object. */
    public boolean has(int index, PollEvents some) {
        return (ready.get(ValueLayout.JAVA_INT, at(index) + EpollEventLayout.EVENTS) & some.bits()) != 0;
    }

    private long at(int index) {
        if (index < 0 || index >= size) {
            throw new IndexOutOfBoundsException(index + " of " + size);
        }
        return index * EpollEventLayout.SIZE;
    }

    /** Closes the set; its members stay open. A thread in {@link #await} goes on waiting: wake it with an {@link EventFd}. */
    @Override
    public void close() {
        descriptor.close();
    }
}
