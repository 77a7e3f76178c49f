package io.guestmem.linux;

/**
 * The argument of {@code UFFDIO_POISON}.
 *
 * <pre>{@code
 * struct uffdio_poison {
 *     struct uffdio_range range;  //  0
 *     __u64 mode;                 // 16  bit 0 do not wake
 *     __s64 updated;              // 24  out: bytes done or a negated errno
 * };                              // 32
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdioPoisonLayout {
    static final long MODE = 16;
    static final long UPDATED = 24;
    static final long SIZE = 32;

    private UffdioPoisonLayout() {}
}
