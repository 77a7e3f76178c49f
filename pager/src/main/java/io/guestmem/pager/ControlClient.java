package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Whoever asks a server at its {@link ControlEndpoint}. */
public final class ControlClient {
    private static final int PIECE = 64 << 10;

    private ControlClient() {}

    /**
     * Sends one command and waits for its answer, however long the server takes.
     *
     * @param socket of a {@link ControlEndpoint}
     * @param command one line without its end
     * @return one line of JSON without its end
     * @throws LinuxException with the errno of {@code connect(2)}: {@code ENOENT}, {@code ECONNREFUSED} if nobody listens,
     *     {@code EACCES} for another user's
     * @throws IOException if the server hangs up before it has answered, as it does with a command that is too long
     */
    public static String ask(Path socket, String command) throws IOException {
        if (command.indexOf('\n') >= 0) {
            throw new IllegalArgumentException("a command is one line");
        }
        try (UnixSocket connection = UnixSocket.connect(socket);
                Arena arena = Arena.ofConfined()) {
            byte[] line = (command + "\n").getBytes(StandardCharsets.UTF_8);
            if (connection.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, line))
                    instanceof SendResult.Stopped stopped) {
                throw new IOException("sendmsg: " + stopped.errno() + ": " + socket);
            }
            return receive(connection, arena.allocate(PIECE), socket);
        }
    }

    private static String receive(UnixSocket connection, MemorySegment buffer, Path socket) throws IOException {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        while (true) {
            switch (connection.receive(buffer, 0)) {
                case ReceiveResult.Received received -> {
                    for (long i = 0; i < received.bytes(); i++) {
                        byte next = buffer.get(ValueLayout.JAVA_BYTE, i);
                        if (next == '\n') {
                            return answer.toString(StandardCharsets.UTF_8);
                        }
                        answer.write(next);
                    }
                }
                case ReceiveResult.EndOfStream _ -> throw new IOException(socket + ": the server hung up");
                case ReceiveResult.Refused refused when refused.errno().equals(Errno.EINTR) -> {}
                case ReceiveResult.Refused refused ->
                    throw new IOException("recvmsg: " + refused.errno() + ": " + socket);
            }
        }
    }
}
