package io.guestmem.linux;

/**
 * A relative time of {@code ppoll(2)} and {@code epoll_pwait2(2)}.
 *
 * <pre>{@code
 * struct __kernel_timespec {
 *     long long tv_sec;   //  0
 *     long long tv_nsec;  //  8
 * };                      // 16
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/time_types.h}.
 */
final class TimespecLayout {
    static final long SECONDS = 0;
    static final long NANOSECONDS = 8;
    static final long SIZE = 16;

    private TimespecLayout() {}
}
