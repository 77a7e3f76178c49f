package io.guestmem.vmm.demo;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Lines of text, and descriptors with them, over a unix socket: how the demonstration and its second process talk. One line at
 * a time goes each way. Not thread-safe.
 */
final class CommandChannel implements AutoCloseable {
    private static final int LONGEST_LINE = 1024;

    private final UnixSocket socket;

    CommandChannel(UnixSocket socket) {
        this.socket = socket;
    }

    /**
     * A line, and the descriptors that came with it.
     *
     * @param words of the line
     * @param descriptors belong to whoever asked
     */
    record Message(List<String> words, List<FileDescriptor> descriptors) {}

    void send(String line, FileDescriptor... descriptors) {
        try (Arena arena = Arena.ofConfined()) {
            byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
            SendResult result = socket.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), descriptors);
            if (result instanceof SendResult.Stopped stopped) {
                throw new LinuxException("sendmsg", stopped.errno(), line);
            }
        }
    }

    /** Waits for a line; empty when the other side has closed. */
    Optional<Message> receive() {
        List<FileDescriptor> descriptors = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(LONGEST_LINE);
            long length = 0;
            do {
                switch (socket.receive(buffer.asSlice(length), 2)) {
                    case ReceiveResult.Received received -> {
                        length += received.bytes();
                        descriptors.addAll(received.descriptors());
                    }
                    case ReceiveResult.EndOfStream _ -> {
                        descriptors.forEach(FileDescriptor::close);
                        return Optional.empty();
                    }
                    case ReceiveResult.Refused refused -> throw new LinuxException("recvmsg", refused.errno());
                }
            } while (buffer.get(ValueLayout.JAVA_BYTE, length - 1) != '\n');
            byte[] line = buffer.asSlice(0, length - 1).toArray(ValueLayout.JAVA_BYTE);
            return Optional.of(new Message(List.of(new String(line, StandardCharsets.UTF_8).split(" ")), descriptors));
        }
    }

    UnixSocket socket() {
        return socket;
    }

    @Override
    public void close() {
        socket.close();
    }
}
