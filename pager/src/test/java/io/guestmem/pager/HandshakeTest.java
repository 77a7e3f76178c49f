package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.guestmem.linux.EventFd;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnixSocket;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.handshake.Handshake;
import io.guestmem.pager.handshake.HandshakeException;
import io.guestmem.pager.handshake.HandshakeReader;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The message on a real socket, in pieces, with the right descriptors and with wrong ones. */
class HandshakeTest {
    private static final long LIMIT = TimeUnit.SECONDS.toNanos(30);
    private static final String ELSEWHERE = "[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":0}]";

    static void sendTo(Path socket, String text) {
        try (UnixSocket connection = UnixSocket.connect(socket)) {
            send(connection, text);
        }
    }

    static void send(UnixSocket to, String text, FileDescriptor... descriptors) {
        try (Arena arena = Arena.ofConfined()) {
            SendResult sent = to.send(
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, text.getBytes(StandardCharsets.UTF_8)), descriptors);
            assertThat(sent).isEqualTo(new SendResult.Complete());
        }
    }

    /** Memory that a userfaultfd guards, as a VMM has it. */
    private record Vmm(GuardedMapping memory, Userfaultfd userfaultfd) implements AutoCloseable {
        static Vmm create() {
            try {
                Userfaultfd userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
                userfaultfd.handshake(Set.of());
                GuardedMapping memory = GuardedMapping.anonymous(4 * MappedMemory.PAGE_SIZE, Sharing.PRIVATE);
                userfaultfd.register(memory, Set.of(RegisterMode.MISSING));
                return new Vmm(memory, userfaultfd);
            } catch (LinuxException refused) {
                return Assumptions.abort("no userfaultfd on this machine: " + refused.getMessage());
            }
        }

        String message() {
            return "[ {\"base_host_virt_addr\":" + memory.address() + ",\"size\":" + memory.length()
                    + ",\"offset\":0, \"note\":\"]}\\\"]\"} ]";
        }

        @Override
        public void close() {
            userfaultfd.close();
            memory.close();
        }
    }

    @Test
    void theMessageMayComeInPiecesOfOneByte() {
        try (Vmm vmm = Vmm.create();
                UnixSocket.Pair pair = UnixSocket.pair()) {
            byte[] bytes = vmm.message().getBytes(StandardCharsets.UTF_8);
            Thread sender = Thread.ofPlatform().name("sender").start(() -> {
                for (int i = 0; i < bytes.length; i++) {
                    String piece = new String(bytes, i, 1, StandardCharsets.UTF_8);
                    if (i == 0) {
                        send(pair.first(), piece, vmm.userfaultfd().descriptor());
                    } else {
                        send(pair.first(), piece);
                    }
                }
            });

            Handshake handshake = HandshakeReader.read(pair.second(), LIMIT);

            assertThat(handshake.map().pages()).isEqualTo(4);
            handshake.userfaultfd().close();
            ServedVm.join(sender);
        }
    }

    @Test
    void descriptorsThatForksAddAreClosed() {
        try (Vmm vmm = Vmm.create();
                EventFd more = EventFd.create();
                UnixSocket.Pair pair = UnixSocket.pair()) {
            long before = descriptors();
            send(pair.first(), vmm.message(), vmm.userfaultfd().descriptor(), more.descriptor(), more.descriptor());

            HandshakeReader.read(pair.second(), LIMIT).userfaultfd().close();

            assertThat(descriptors()).isEqualTo(before);
        }
    }

    @Test
    void everythingElseIsRefusedAndLeavesNoDescriptor() {
        try (Vmm vmm = Vmm.create();
                EventFd wrong = EventFd.create()) {
            FileDescriptor right = vmm.userfaultfd().descriptor();
            assertRefused("no descriptor", vmm.message());
            assertRefused("does not guard the memory", vmm.message(), wrong.descriptor());
            assertRefused("does not guard the memory", ELSEWHERE, right);
            assertRefused("more than 3 descriptors", vmm.message(), right, right, right, right);
            assertRefused("half a message", vmm.message().substring(0, 10), right);
            assertRefused("no JSON array", "GET / HTTP/1.0\n", right);
            assertRefused("an empty message", "");
            assertRefused("more than 1048576 bytes", "[\"" + "x".repeat(1 << 20), right);
        }
    }

    private static void assertRefused(String reason, String message, FileDescriptor... passed) {
        long before = descriptors();
        try (UnixSocket.Pair pair = UnixSocket.pair()) {
            Thread sender = Thread.ofPlatform().name("sender").start(() -> {
                if (!message.isEmpty()) {
                    // The reader may have gone before all is sent.
                    Throwable gone = catchThrowable(() -> send(pair.first(), message, passed));
                    assertThat(gone)
                            .satisfiesAnyOf(
                                    none -> assertThat(none).isNull(),
                                    some -> assertThat(some).isInstanceOf(AssertionError.class));
                }
                pair.first().shutdown();
            });

            assertThatThrownBy(() -> HandshakeReader.read(pair.second(), LIMIT))
                    .isInstanceOf(HandshakeException.class)
                    .hasMessageContaining(reason);

            pair.second().shutdown();
            ServedVm.join(sender);
        }
        assertThat(descriptors()).as("descriptors after: " + reason).isEqualTo(before);
    }

    @Test
    void aMessageThatDoesNotGoOnIsNotWaitedForForEver() {
        try (UnixSocket.Pair pair = UnixSocket.pair()) {
            send(pair.first(), "[");

            assertThatThrownBy(() -> HandshakeReader.read(pair.second(), TimeUnit.MILLISECONDS.toNanos(50)))
                    .hasMessageContaining("did not go on in time");
        }
    }

    static long descriptors() {
        String[] links = new File("/proc/self/fd").list();
        return Arrays.stream(Objects.requireNonNull(links))
                .map(name -> Path.of("/proc/self/fd", name))
                .map(link -> String.valueOf(target(link)))
                .filter(target -> target.startsWith("anon_inode") || target.startsWith("socket"))
                .count();
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException _) {
            return "";
        }
    }
}
