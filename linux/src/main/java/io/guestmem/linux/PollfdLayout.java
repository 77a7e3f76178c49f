package io.guestmem.linux;

/**
 * One descriptor of {@code poll(2)}.
 *
 * <pre>{@code
 * struct pollfd {
 *     int   fd;       //  0
 *     short events;   //  4
 *     short revents;  //  6  out
 * };                  //  8
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/asm-generic/poll.h}.
 */
final class PollfdLayout {
    static final long FD = 0;
    static final long EVENTS = 4;
    static final long REVENTS = 6;
    static final long SIZE = 8;

    private PollfdLayout() {}
}
