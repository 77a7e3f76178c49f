package io.guestmem.linux;

/**
 * The argument of {@code UFFDIO_REGISTER}.
 *
 * <pre>{@code
 * struct uffdio_register {
 *     struct uffdio_range range;  //  0
 *     __u64 mode;                 // 16  1 missing, 2 write-protect, 4 minor
 *     __u64 ioctls;               // 24  out: bit n is ioctl number n
 * };                              // 32
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdioRegisterLayout {
    static final long MODE = 16;
    static final long IOCTLS = 24;
    static final long SIZE = 32;

    private UffdioRegisterLayout() {}
}
