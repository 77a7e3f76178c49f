package io.guestmem.pager.handshake;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Takes one message from a connection, in whatever pieces it comes. */
public final class HandshakeReader {
    /** Descriptors that are accepted: a userfaultfd, and what forks add to it. */
    private static final int MOST_DESCRIPTORS = 3;

    private static final int BUFFER = 64 << 10;
    private static final int LONGEST = 1 << 20;

    private final ByteArrayOutputStream json = new ByteArrayOutputStream();
    private final List<FileDescriptor> descriptors = new ArrayList<>();

    private int depth;
    private boolean inText;
    private boolean escaped;

    private HandshakeReader() {}

    /**
     * Waits for the message.
     *
     * @param limit for all of it, in nanoseconds
     * @throws HandshakeException if it does not come in time, is too long, is no handshake, or comes with no descriptor or too
     *     many; no descriptor is left open
     */
    public static Handshake read(UnixSocket connection, long limit) {
        HandshakeReader reader = new HandshakeReader();
        try {
            reader.receive(connection, limit);
            return Handshake.of(RegionParser.parse(reader.json.toByteArray()), reader.descriptors);
        } catch (RuntimeException refused) {
            reader.descriptors.forEach(FileDescriptor::close);
            throw refused;
        }
    }

    private void receive(UnixSocket connection, long limit) {
        long deadline = System.nanoTime() + limit;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(BUFFER);
            boolean complete = false;
            while (!complete) {
                long left = deadline - System.nanoTime();
                if (left <= 0
                        || Poll.await(connection.descriptor(), PollEvents.READABLE, left)
                                .isEmpty()) {
                    throw new HandshakeException("half a message: it did not go on in time");
                }
                complete = take(connection.receive(buffer, MOST_DESCRIPTORS), buffer);
            }
        }
    }

    private boolean take(ReceiveResult result, MemorySegment buffer) {
        return switch (result) {
            case ReceiveResult.EndOfStream _ ->
                throw new HandshakeException(json.size() == 0 ? "an empty message" : "half a message");
            case ReceiveResult.Refused refused -> throw new HandshakeException("recvmsg: " + refused.errno());
            case ReceiveResult.Received received -> {
                descriptors.addAll(received.descriptors());
                if (received.truncated() || received.descriptorsTruncated() || descriptors.size() > MOST_DESCRIPTORS) {
                    throw new HandshakeException(
                            "more than " + MOST_DESCRIPTORS + " descriptors, or none could be had");
                }
                byte[] piece = buffer.asSlice(0, received.bytes()).toArray(ValueLayout.JAVA_BYTE);
                json.writeBytes(piece);
                if (json.size() > LONGEST) {
                    throw new HandshakeException("a message of more than " + LONGEST + " bytes");
                }
                yield endsIn(piece);
            }
        };
    }

    /** Counts brackets outside of texts: the message has no length and no end, it ends with its array. */
    private boolean endsIn(byte[] piece) {
        boolean ended = false;
        for (byte next : piece) {
            if (inText) {
                inText = escaped || next != '"';
                escaped = !escaped && next == '\\';
            } else if (next == '[' || next == '{') {
                depth++;
            } else if (next == ']' || next == '}') {
                depth--;
                ended |= depth <= 0;
            } else {
                inText = next == '"';
                if (depth == 0 && !ended && next > ' ') {
                    throw new HandshakeException("no JSON array");
                }
            }
        }
        return ended;
    }
}
