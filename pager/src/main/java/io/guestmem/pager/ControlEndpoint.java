package io.guestmem.pager;

import io.guestmem.linux.EventFd;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.UnixListener;
import io.guestmem.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A unix socket of mode 0600 where a server is asked and told: a command a line, and a line of JSON for each.
 *
 * <pre>{@code
 * list                  all VMs
 * diff VM FILE          writes a diff snapshot while the VM runs; see ServerControl.writeDiff
 * collapse VM           makes huge pages; see ServerControl.collapse
 * prefetch VM           installs everything, in the background
 * end-recording VM      writes what a VM has touched; see PageServer.endRecording
 * release VM            gives a VM the rest of its memory and lets it go
 * drain                 does that with all, and ends the server
 * }</pre>
 *
 * <p>An answer has {@code "ok"}, and {@code "error"} if that is false. Commands of one connection are carried out one after the other,
 * those of several at once.
 */
public final class ControlEndpoint implements AutoCloseable {
    private static final int LONGEST = 8192;
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final ControlCommand commands;
    private final UnixListener listener;

    /** Readable when it ends. */
    private final EventFd end = EventFd.create();

    private final Thread acceptor;

    /** Of the acceptor. */
    private final List<Thread> connections = new ArrayList<>();

    private ControlEndpoint(PageServer server, UnixListener listener) {
        this.commands = new ControlCommand(server);
        this.listener = listener;
        this.acceptor = Thread.ofPlatform().name("control").daemon().start(this::acceptUntilEnd);
    }

    /**
     * Listens.
     *
     * @param path a socket that nobody listens at any more is replaced
     * @param patience how long to wait for whoever listens there, as a server that was taken over
     * @throws IOException if the old socket cannot be removed
     * @throws LinuxException {@code EADDRINUSE} if somebody listens there, or if it is no socket
     */
    public static ControlEndpoint listen(PageServer server, Path path, Duration patience) throws IOException {
        return Patience.whileInUse(patience, () -> {
            PageServer.removeStale(path);
            return new ControlEndpoint(server, UnixListener.listen(path, PosixFilePermissions.fromString("rw-------")));
        });
    }

    private void acceptUntilEnd() {
        while (awaitReadable(listener.descriptor())) {
            try {
                UnixSocket connection = listener.accept();
                connections.removeIf(thread -> !thread.isAlive());
                connections.add(
                        Thread.ofPlatform().name("control connection").daemon().start(() -> answerAll(connection)));
            } catch (LinuxException _) {
                // Too many descriptors: perhaps fewer in a moment.
                Poll.await(end.descriptor(), PollEvents.READABLE, PAUSE_NANOS);
            }
        }
        connections.forEach(ServedVm::join);
    }

    /** Waits for that; false if it ends. */
    private boolean awaitReadable(FileDescriptor descriptor) {
        List<PollEvents> ready = Poll.await(
                List.of(
                        new Poll.Interest(end.descriptor(), PollEvents.READABLE),
                        new Poll.Interest(descriptor, PollEvents.READABLE)),
                -1);
        return !ready.getFirst().isReadable();
    }

    private void answerAll(UnixSocket connection) {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        try (connection;
                Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(LONGEST);
            while (awaitReadable(connection.descriptor())
                    && connection.receive(buffer, 0) instanceof ReceiveResult.Received received) {
                for (long i = 0; i < received.bytes(); i++) {
                    byte next = buffer.get(ValueLayout.JAVA_BYTE, i);
                    if (next != '\n') {
                        if (line.size() == LONGEST) {
                            return;
                        }
                        line.write(next);
                    } else if (!answer(connection, line.toString(StandardCharsets.UTF_8))) {
                        return;
                    } else {
                        line.reset();
                    }
                }
            }
        }
    }

    private boolean answer(UnixSocket connection, String command) {
        byte[] answer = (commands.answer(command) + "\n").getBytes(StandardCharsets.UTF_8);
        try (Arena arena = Arena.ofConfined()) {
            return connection.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, answer)) instanceof SendResult.Complete;
        }
    }

    /** Takes no more commands, and returns when those that are being carried out are answered. */
    @Override
    public void close() {
        end.signal();
        ServedVm.join(acceptor);
        listener.close();
        end.close();
    }
}
