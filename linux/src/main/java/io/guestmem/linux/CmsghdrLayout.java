package io.guestmem.linux;

/**
 * A control message; SCM_RIGHTS carries an array of descriptors behind the head.
 *
 * <pre>{@code
 * struct cmsghdr {
 *     size_t cmsg_len;    //  0  head and data, without padding at the end
 *     int    cmsg_level;  //  8  SOL_SOCKET is 1
 *     int    cmsg_type;   // 12  SCM_RIGHTS is 1
 * };                      // 16  data; the next head is at a multiple of 8
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/linux/socket.h}.
 */
final class CmsghdrLayout {
    static final long LEN = 0;
    static final long LEVEL = 8;
    static final long TYPE = 12;
    static final long SIZE = 16;

    private CmsghdrLayout() {}
}
