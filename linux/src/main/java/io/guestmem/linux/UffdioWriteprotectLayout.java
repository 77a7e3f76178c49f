package io.guestmem.linux;

/**
 * The argument of {@code UFFDIO_WRITEPROTECT}.
 *
 * <pre>{@code
 * struct uffdio_writeprotect {
 *     struct uffdio_range range;  //  0
 *     __u64 mode;                 // 16  bit 0 protect, bit 1 do not wake
 * };                              // 24
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdioWriteprotectLayout {
    static final long MODE = 16;
    static final long SIZE = 24;

    private UffdioWriteprotectLayout() {}
}
