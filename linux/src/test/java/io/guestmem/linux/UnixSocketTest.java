package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(OpenDescriptors.class)
class UnixSocketTest {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rw-------");
    private static final int LARGE = 8 << 20;

    private final Arena arena = Arena.ofShared();

    @TempDir
    private Path directory;

    @AfterEach
    void free() {
        arena.close();
    }

    private MemorySegment bytes(int... values) {
        MemorySegment segment = arena.allocate(values.length);
        for (int i = 0; i < values.length; i++) {
            segment.set(ValueLayout.JAVA_BYTE, i, (byte) values[i]);
        }
        return segment;
    }

    private static ReceiveResult.Received received(ReceiveResult result) {
        assertThat(result).isInstanceOf(ReceiveResult.Received.class);
        return (ReceiveResult.Received) result;
    }

    @Test
    void bytesAndDescriptorsTravelBothWays() {
        try (UnixSocket.Pair sockets = UnixSocket.pair();
                FileDescriptor one = Memfd.create("one", 1);
                FileDescriptor two = Memfd.create("two", 2)) {
            MemorySegment into = arena.allocate(10);
            assertThat(sockets.first().send(bytes(1, 2, 3), one, two)).isEqualTo(new SendResult.Complete());
            try (ReceiveResult.Received message = received(sockets.second().receive(into, 2))) {
                assertThat(message.bytes()).isEqualTo(3);
                assertThat(into.asSlice(0, 4).toArray(ValueLayout.JAVA_BYTE)).containsExactly(1, 2, 3, 0);
                assertThat(message.truncated()).isFalse();
                assertThat(message.descriptorsTruncated()).isFalse();
                assertThat(message.descriptors())
                        .allMatch(FileDescriptor::isCloseOnExec)
                        .extracting(file -> file.status().size())
                        .containsExactly(1L, 2L);
                assertThat(sockets.second().send(bytes(9), message.descriptors().getLast()))
                        .isEqualTo(new SendResult.Complete());
            }
            try (ReceiveResult.Received back = received(sockets.first().receive(into, 1))) {
                assertThat(back.bytes()).isEqualTo(1);
                assertThat(back.descriptors().getFirst().status().size()).isEqualTo(2);
            }
        }
    }

    @Test
    void aSurplusOfDescriptorsIsReportedAndClosed() {
        try (UnixSocket.Pair sockets = UnixSocket.pair();
                FileDescriptor file = Memfd.create("surplus", 1)) {
            MemorySegment into = arena.allocate(1);
            int before = OpenDescriptors.now().size();
            for (int maximum = 0; maximum <= 3; maximum++) {
                sockets.first().send(bytes(1), file, file, file);
                try (ReceiveResult.Received message = received(sockets.second().receive(into, maximum))) {
                    assertThat(message.descriptors()).hasSize(maximum);
                    assertThat(message.descriptorsTruncated()).isEqualTo(maximum < 3);
                    assertThat(OpenDescriptors.now()).hasSize(before + maximum);
                }
            }
        }
    }

    @Test
    void asManyDescriptorsAsTheKernelAllows() {
        FileDescriptor[] many = new FileDescriptor[UnixSocket.MAXIMUM_DESCRIPTORS];
        try (UnixSocket.Pair sockets = UnixSocket.pair();
                FileDescriptor file = Memfd.create("many", 1)) {
            Arrays.fill(many, file);
            assertThat(sockets.first().send(bytes(1), many)).isEqualTo(new SendResult.Complete());
            try (ReceiveResult.Received all =
                    received(sockets.second().receive(arena.allocate(1), UnixSocket.MAXIMUM_DESCRIPTORS))) {
                assertThat(all.descriptors()).hasSize(253);
            }
            assertThatThrownBy(() -> sockets.first().send(arena.allocate(0), file))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> sockets.first().receive(arena.allocate(0), 0))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    /** A signal cuts a blocked send short after the bytes that fitted; descriptors must not be sent twice. */
    @Test
    void aShortSendGoesOnWithTheRest() throws Exception {
        try (UnixSocket.Pair sockets = UnixSocket.pair();
                FileDescriptor file = Memfd.create("once", 1)) {
            MemorySegment from = arena.allocate(LARGE);
            for (int at = 0; at < LARGE; at += 4) {
                from.set(ValueLayout.JAVA_INT_UNALIGNED, at, at);
            }
            Background<SendResult> send =
                    Background.start("send", () -> sockets.first().send(from, file));
            send.interruptIn(SystemCallNumber.SENDMSG);

            MemorySegment into = arena.allocate(LARGE);
            long count = 0;
            int descriptors = 0;
            while (count < LARGE) {
                try (ReceiveResult.Received piece = received(sockets.second().receive(into.asSlice(count), 8))) {
                    count += piece.bytes();
                    descriptors += piece.descriptors().size();
                }
            }
            assertThat(send.result()).isEqualTo(new SendResult.Complete());
            assertThat(into.mismatch(from)).isEqualTo(-1);
            assertThat(descriptors).isEqualTo(1);
        }
    }

    @Test
    void sendingToAPeerThatLeavesSaysHowMuchWasTaken() throws Exception {
        try (UnixSocket.Pair sockets = UnixSocket.pair()) {
            MemorySegment from = arena.allocate(LARGE);
            Background<SendResult> send =
                    Background.start("send", () -> sockets.first().send(from));
            send.awaitBlockedIn(SystemCallNumber.SENDMSG);
            sockets.second().close();
            SendResult result = send.result();
            assertThat(result).isInstanceOf(SendResult.Stopped.class);
            assertThat(((SendResult.Stopped) result).errno()).isEqualTo(Errno.EPIPE);
            assertThat(((SendResult.Stopped) result).bytes()).isPositive().isLessThan(LARGE);
        }
    }

    @Test
    void endAndResetAreToldApart() {
        MemorySegment into = arena.allocate(1);
        try (UnixSocket.Pair sockets = UnixSocket.pair()) {
            sockets.first().close();
            assertThat(sockets.second().receive(into, 1)).isEqualTo(new ReceiveResult.EndOfStream());
            assertThat(sockets.second().send(bytes(1))).isEqualTo(new SendResult.Stopped(0, Errno.EPIPE));
        }
        try (UnixSocket.Pair sockets = UnixSocket.pair()) {
            sockets.second().send(bytes(1));
            sockets.first().close();
            assertThat(sockets.second().receive(into, 1)).isEqualTo(new ReceiveResult.Refused(Errno.ECONNRESET));
        }
    }

    @Test
    void shutdownWakesWhoReceives() throws Exception {
        try (UnixSocket.Pair sockets = UnixSocket.pair()) {
            Background<ReceiveResult> receive =
                    Background.start("receive", () -> sockets.first().receive(arena.allocate(1), 0));
            receive.awaitBlockedIn(SystemCallNumber.RECVMSG);
            sockets.first().shutdown();
            assertThat(receive.result()).isEqualTo(new ReceiveResult.EndOfStream());
        }
    }

    @Test
    void aListenerAcceptsAndBothSidesKnowEachOther() throws Exception {
        Path path = directory.resolve("socket");
        try (UnixListener listener = UnixListener.listen(path, OWNER);
                UnixSocket client = UnixSocket.connect(path);
                UnixSocket server = listener.accept()) {
            assertThat(Files.getPosixFilePermissions(path)).isEqualTo(OWNER);
            PeerCredentials self = new PeerCredentials(
                    (int) ProcessHandle.current().pid(), (int) SystemCall.once(SystemCallNumber.GETUID, 0, 0, 0), (int)
                            Files.getAttribute(Path.of("/proc/self"), "unix:gid"));
            assertThat(client.peer()).isEqualTo(self);
            assertThat(server.peer()).isEqualTo(self);
            assertThat(server.descriptor().isCloseOnExec()).isTrue();
            client.send(bytes(5));
            MemorySegment into = arena.allocate(1);
            assertThat(received(server.receive(into, 0)).bytes()).isEqualTo(1);
            assertThat(into.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 5);
            assertThatThrownBy(() -> UnixListener.listen(path, OWNER)).hasMessageStartingWith("bind: EADDRINUSE (98)");
            assertThat(path).exists();
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void aFileThatTookThePlaceOfTheSocketStays() throws Exception {
        Path path = directory.resolve("socket");
        try (UnixListener listener = UnixListener.listen(path, OWNER)) {
            Path replacement = Files.writeString(directory.resolve("other"), "mine");
            Files.move(replacement, listener.path(), StandardCopyOption.REPLACE_EXISTING);
        }
        assertThat(path).hasContent("mine");
        Path gone = directory.resolve("gone");
        try (UnixListener listener = UnixListener.listen(gone, OWNER)) {
            Files.delete(listener.path());
        }
        assertThat(gone).doesNotExist();
    }

    @Test
    void connectingSaysWhyItFailed() throws Exception {
        Path missing = directory.resolve("missing");
        assertThatThrownBy(() -> UnixSocket.connect(missing)).hasMessage("connect: ENOENT (2): " + missing);
        Path file = Files.createFile(directory.resolve("file"));
        assertThatThrownBy(() -> UnixSocket.connect(file)).hasMessage("connect: ECONNREFUSED (111): " + file);
        Path longer = directory.resolve("x".repeat(108));
        assertThatThrownBy(() -> UnixSocket.connect(longer)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> UnixListener.listen(missing.resolve("socket"), OWNER))
                .hasMessageStartingWith("bind: ENOENT (2)");
    }

    @Test
    void shutdownWakesWhoAccepts() throws Exception {
        try (UnixListener listener = UnixListener.listen(directory.resolve("socket"), OWNER)) {
            Background<Errno> accept = Background.start("accept", () -> {
                try (UnixSocket unexpected = listener.accept()) {
                    throw new AssertionError("accepted " + unexpected.descriptor());
                } catch (LinuxException woken) {
                    return woken.errno();
                }
            });
            accept.interruptIn(SystemCallNumber.ACCEPT4);
            listener.shutdown();
            assertThat(accept.result()).isEqualTo(Errno.EINVAL);
        }
    }
}
