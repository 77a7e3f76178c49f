package io.guestmem.linux;

/**
 * What {@code SO_PEERCRED} returns.
 *
 * <pre>{@code
 * struct ucred {
 *     __u32 pid;  //  0
 *     __u32 uid;  //  4
 *     __u32 gid;  //  8
 * };              // 12
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/linux/socket.h}.
 */
final class UcredLayout {
    static final long PID = 0;
    static final long UID = 4;
    static final long GID = 8;
    static final long SIZE = 12;

    private UcredLayout() {}
}
