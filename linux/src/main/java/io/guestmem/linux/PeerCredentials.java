package io.guestmem.linux;

/**
 * Who connected, or who listens: {@code SO_PEERCRED}, as it was when the connection was made.
 *
 * @param pid process, 0 if it is not in a namespace that this process sees
 * @param uid effective user
 * @param gid effective group
 */
public record PeerCredentials(int pid, int uid, int gid) {}
