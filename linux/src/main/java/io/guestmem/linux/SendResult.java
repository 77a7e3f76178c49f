package io.guestmem.linux;

/** How sending on a stream socket ended. */
public sealed interface SendResult {
    /** All bytes are on their way, and the descriptors. */
    record Complete() implements SendResult {}

    /**
     * The kernel stopped.
     *
     * @param bytes that were taken before; descriptors travel with the first byte
     * @param errno {@code EPIPE} or {@code ECONNRESET} if the peer is gone, {@code EAGAIN} on a descriptor that does not block
     */
    record Stopped(long bytes, Errno errno) implements SendResult {}
}
