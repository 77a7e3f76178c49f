package io.guestmem.linux;

/**
 * The argument of {@code UFFDIO_UNREGISTER} and {@code UFFDIO_WAKE}, and the head of most other arguments.
 *
 * <pre>{@code
 * struct uffdio_range {
 *     __u64 start;  //  0  multiple of the page size
 *     __u64 len;    //  8  multiple of the page size, not 0
 * };                // 16
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdioRangeLayout {
    static final long START = 0;
    static final long LEN = 8;
    static final long SIZE = 16;

    private UffdioRangeLayout() {}
}
