package io.guestmem.linux;

/**
 * The address of a unix socket.
 *
 * <pre>{@code
 * struct sockaddr_un {
 *     unsigned short sun_family;     //   0  AF_UNIX is 1
 *     char           sun_path[108];  //   2  ends with a zero byte
 * };                                 // 110
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/un.h}.
 */
final class SockaddrUnLayout {
    static final long FAMILY = 0;
    static final long PATH = 2;
    static final long SIZE = 110;

    private SockaddrUnLayout() {}
}
