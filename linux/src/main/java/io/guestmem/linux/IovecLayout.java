package io.guestmem.linux;

/**
 * One piece of memory of a vectored call.
 *
 * <pre>{@code
 * struct iovec {
 *     void  *iov_base;  //  0
 *     size_t iov_len;   //  8
 * };                    // 16
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/uio.h}.
 */
final class IovecLayout {
    static final long BASE = 0;
    static final long LEN = 8;
    static final long SIZE = 16;

    private IovecLayout() {}
}
