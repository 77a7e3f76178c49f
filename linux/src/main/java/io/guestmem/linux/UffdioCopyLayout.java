package io.guestmem.linux;

/**
 * The argument of {@code UFFDIO_COPY}.
 *
 * <pre>{@code
 * struct uffdio_copy {
 *     __u64 dst;   //  0  in the guarded address space, multiple of the page size
 *     __u64 src;   //  8  in the caller's address space, any alignment
 *     __u64 len;   // 16  multiple of the page size
 *     __u64 mode;  // 24  bit 0 do not wake, bit 1 write-protect
 *     __s64 copy;  // 32  out: bytes done or a negated errno; not written if the address space is gone
 * };               // 40
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdioCopyLayout {
    static final long DST = 0;
    static final long SRC = 8;
    static final long LEN = 16;
    static final long MODE = 24;
    static final long COPY = 32;
    static final long SIZE = 40;

    private UffdioCopyLayout() {}
}
