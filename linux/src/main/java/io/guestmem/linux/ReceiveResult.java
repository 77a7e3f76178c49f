package io.guestmem.linux;

import java.util.List;

/** How receiving on a stream socket ended. */
public sealed interface ReceiveResult {
    /**
     * Some bytes came, and the descriptors that were sent with them.
     *
     * @param bytes more than 0; a stream keeps no boundaries, so there may be fewer than were sent at once
     * @param descriptors belong to whoever received them, with {@code O_CLOEXEC}
     * @param truncated {@code MSG_TRUNC}: bytes were dropped, which a stream does not do
     * @param descriptorsTruncated {@code MSG_CTRUNC}: more descriptors came than were allowed, or than this process may have
     *     open; the kernel closed the surplus
     */
    record Received(long bytes, List<FileDescriptor> descriptors, boolean truncated, boolean descriptorsTruncated)
            implements ReceiveResult, AutoCloseable {
        /** Copies the list. */
        public Received {
            descriptors = List.copyOf(descriptors);
        }

        /** Closes the descriptors: for whoever does not want them. */
        @Override
        public void close() {
            descriptors.forEach(FileDescriptor::close);
        }
    }

    /** The peer sends no more. */
    record EndOfStream() implements ReceiveResult {}

    /**
     * The kernel refused.
     *
     * @param errno {@code ECONNRESET} if the peer closed with bytes unread, {@code EAGAIN} on a descriptor that does not block
     */
    record Refused(Errno errno) implements ReceiveResult {}
}
