package io.guestmem.linux;

/**
 * What a descriptor is ready for, in {@code poll(2)} and {@code epoll(7)} alike.
 *
 * <p>Source of the numbers: Linux 6.12 {@code asm-generic/poll.h} and {@code linux/eventpoll.h}, which agree in these.
 *
 * @param bits the kernel's bits, those without a name here included
 */
public record PollEvents(int bits) {
    /** {@code POLLIN}: reading does not block. */
    public static final PollEvents READABLE = new PollEvents(0x1);
    /** {@code POLLOUT}: writing does not block. */
    public static final PollEvents WRITABLE = new PollEvents(0x4);
    /** {@code POLLERR}: an error; always reported. A userfaultfd that blocks answers this. */
    public static final PollEvents ERROR = new PollEvents(0x8);
    /** {@code POLLHUP}: the other side is gone; always reported. */
    public static final PollEvents HANG_UP = new PollEvents(0x10);
    /** {@code POLLRDHUP}: the peer of a stream socket writes no more. */
    public static final PollEvents PEER_CLOSED = new PollEvents(0x2000);
    /** Nothing. */
    public static final PollEvents NONE = new PollEvents(0);

    /** Both. */
    public PollEvents and(PollEvents other) {
        return new PollEvents(bits | other.bits);
    }

    /** Whether one of {@code some} is among these. */
    public boolean has(PollEvents some) {
        return (bits & some.bits) != 0;
    }

    /** Whether there is nothing. */
    public boolean isEmpty() {
        return bits == 0;
    }

    /** {@link #READABLE}. */
    public boolean isReadable() {
        return has(READABLE);
    }

    /** {@link #HANG_UP}. */
    public boolean isHungUp() {
        return has(HANG_UP);
    }
}
