package io.guestmem.linux;

/**
 * One event of an epoll set; packed on x86-64.
 *
 * <pre>{@code
 * struct epoll_event {
 *     __u32 events;  //  0
 *     __u64 data;    //  4
 * };                 // 12
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/eventpoll.h}.
 */
final class EpollEventLayout {
    static final long EVENTS = 0;
    static final long DATA = 4;
    static final long SIZE = 12;

    private EpollEventLayout() {}
}
