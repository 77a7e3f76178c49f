package io.guestmem.linux;

/**
 * The argument of {@code UFFDIO_API}.
 *
 * <pre>{@code
 * struct uffdio_api {
 *     __u64 api;       //  0  in: 0xAA
 *     __u64 features;  //  8  in: wanted; out: all that the kernel has, or 0 after an error
 *     __u64 ioctls;    // 16  out: bit n is ioctl number n
 * };                   // 24
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdioApiLayout {
    static final long API = 0;
    static final long FEATURES = 8;
    static final long IOCTLS = 16;
    static final long SIZE = 24;

    private UffdioApiLayout() {}
}
