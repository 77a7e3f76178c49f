package io.guestmem.linux;

/**
 * The argument of {@code sendmsg(2)} and {@code recvmsg(2)}.
 *
 * <pre>{@code
 * struct user_msghdr {
 *     void         *msg_name;        //  0
 *     int           msg_namelen;     //  8
 *     struct iovec *msg_iov;         // 16
 *     size_t        msg_iovlen;      // 24
 *     void         *msg_control;     // 32
 *     size_t        msg_controllen;  // 40  out: bytes of control data
 *     unsigned int  msg_flags;       // 48  out: MSG_TRUNC, MSG_CTRUNC
 * };                                 // 56
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/linux/socket.h}.
 */
final class MsghdrLayout {
    static final long IOV = 16;
    static final long IOVLEN = 24;
    static final long CONTROL = 32;
    static final long CONTROLLEN = 40;
    static final long FLAGS = 48;
    static final long SIZE = 56;

    private MsghdrLayout() {}
}
