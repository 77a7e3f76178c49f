package io.guestmem.linux;

/**
 * The argument of {@code UFFDIO_CONTINUE}.
 *
 * <pre>{@code
 * struct uffdio_continue {
 *     struct uffdio_range range;  //  0
 *     __u64 mode;                 // 16  bit 0 do not wake, bit 1 write-protect
 *     __s64 mapped;               // 24  out: bytes done or a negated errno
 * };                              // 32
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdioContinueLayout {
    static final long MODE = 16;
    static final long MAPPED = 24;
    static final long SIZE = 32;

    private UffdioContinueLayout() {}
}
