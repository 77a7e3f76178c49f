package io.guestmem.linux;

/**
 * What {@code getrusage(2)} returns.
 *
 * <pre>{@code
 * struct rusage {
 *     struct { long tv_sec, tv_usec; } ru_utime;  //   0
 *     struct { long tv_sec, tv_usec; } ru_stime;  //  16
 *     long ru_maxrss;                             //  32
 *     long ru_ixrss, ru_idrss, ru_isrss;          //  40  always 0
 *     long ru_minflt;                             //  64
 *     long ru_majflt;                             //  72
 *     ...
 * };                                              // 144
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/resource.h}.
 */
final class RusageLayout {
    static final long USER_SECONDS = 0;
    static final long USER_MICROSECONDS = 8;
    static final long SYSTEM_SECONDS = 16;
    static final long SYSTEM_MICROSECONDS = 24;
    static final long MINFLT = 64;
    static final long MAJFLT = 72;
    static final long SIZE = 144;

    private RusageLayout() {}
}
