package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.EventFd;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnixSocket;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Peers that mean no good, beside a VM that does its work: they get an event with the reason, the VM notices nothing. */
class HostilePeersTest {
    private static final int PAGES = 2048;
    private static final int HOLE_EVERY = 5;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;

    @BeforeEach
    void makeSnapshot() throws IOException {
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    /** One connection, and what the event about it says. */
    private record Peer(String says, String message, List<FileDescriptor> descriptors) {
        Peer(String says, String message, FileDescriptor... descriptors) {
            this(says, message, List.of(descriptors));
        }
    }

    @Test
    void eachIsRefusedWithItsReasonAndTheVmBesideThemNoticesNothing() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
                Userfaultfd userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
                GuardedMapping memory = GuardedMapping.anonymous(4 * MappedMemory.PAGE_SIZE, Sharing.PRIVATE);
                EventFd wrong = EventFd.create()) {
            userfaultfd.handshake(Set.of());
            userfaultfd.register(memory, Set.of(RegisterMode.MISSING));
            FileDescriptor right = userfaultfd.descriptor();
            String good = region(memory.address(), 0);
            List<Peer> peers = List.of(
                    new Peer("half a message", "[" + good.substring(0, 20), right),
                    new Peer("an empty message", ""),
                    new Peer("cannot be read", "[{\"x\":" + "[".repeat(1000) + "]".repeat(1000) + "}]", right),
                    new Peer("more than 1048576 bytes", "[\"" + "x".repeat(1 << 20), right),
                    new Peer("no descriptor", "[" + good + "]"),
                    new Peer("does not guard the memory", "[" + good + "]", wrong.descriptor()),
                    new Peer("does not guard the memory", "[" + region(4096, 0) + "]", right),
                    new Peer("more than 3 descriptors", "[" + good + "]", right, right, right, right),
                    new Peer("regions that overlap", "[" + good + "," + region(memory.address(), 1 << 20) + "]", right),
                    new Peer("overlap in the file", "[" + good + "," + region(1 << 20, 0) + "]", right));
            CompletableFuture<String> work = vmm.order("run 5 4 6000");
            int number = 2;
            for (Peer peer : peers) {
                send(peer);
                assertThat(server.await(Kind.REFUSED, number++).text()).contains(peer.says);
            }

            assertThat(work.get(60, TimeUnit.SECONDS)).isEqualTo("ok");
            vmm.expectOk("read 0 " + PAGES + " 2");
            assertThat(server.events())
                    .filteredOn(event -> event.vm() == 1)
                    .extracting(ServerEvent::kind)
                    .containsExactly(Kind.ATTACHED);
        }
    }

    private static String region(long address, long offset) {
        return "{\"base_host_virt_addr\":" + address + ",\"size\":16384,\"offset\":" + offset + "}";
    }

    private void send(Peer peer) {
        try (UnixSocket connection = UnixSocket.connect(socket)) {
            if (!peer.message.isEmpty()) {
                HandshakeTest.send(connection, peer.message, peer.descriptors.toArray(FileDescriptor[]::new));
            }
        }
    }

    @Test
    void aProcessOfAnotherUserIsRefused() throws Exception {
        Assumptions.assumeTrue(
                Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0),
                "only root can start a process of another user");
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/setpriv")) && Files.isExecutable(Path.of("/usr/bin/perl")),
                "no setpriv or no perl to be another user with");
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        ServerOptions options = ServerOptions.of(socket, snapshot);
        try (TestServer server = TestServer.start(options.peers(Set.of(4711)));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            connectAs(4712);
            assertThat(server.await(Kind.REFUSED, 2).text()).isEqualTo("a process of user 4712, which may not");
            connectAs(4711);
            assertThat(server.await(Kind.REFUSED, 3).text()).as("it may").isEqualTo("an empty message");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
        try (TestServer server = TestServer.start(options)) {
            connectAs(4711);
            HandshakeTest.sendTo(socket, "[");
            assertThat(server.await(Kind.REFUSED, 1).text())
                    .as("nobody else could connect before")
                    .isEqualTo("half a message");
        }
    }

    /** Connects, if the socket's mode allows it, and ends. */
    private void connectAs(int user) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        "/usr/bin/setpriv",
                        "--reuid=" + user,
                        "--clear-groups",
                        "/usr/bin/perl",
                        "-MIO::Socket::UNIX",
                        "-e",
                        "IO::Socket::UNIX->new(Peer => $ARGV[0])",
                        socket.toString())
                .redirectErrorStream(true)
                .start();
        assertThat(process.inputReader().readAllAsString()).isEmpty();
        assertThat(process.waitFor()).isZero();
    }

    @Test
    void vmsThatEndInTheMiddleOfEverythingLeaveNothingOpen() throws Exception {
        try (TestServer server =
                        TestServer.start(ServerOptions.of(socket, snapshot).prefetching());
                MockVmmProcess other = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            server.await(Kind.PREFETCHED, 1);
            long before = HandshakeTest.descriptors();
            for (int number = 2; number < 5; number++) {
                try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                    CompletableFuture<String> work = vmm.order("run " + number + " 8 1000000");
                    server.await(Kind.ATTACHED, number);
                    other.expectOk("run " + number + " 2 500");
                    vmm.kill();
                    assertThat(work.get(60, TimeUnit.SECONDS)).as("it ended").isNull();
                }
                server.await(Kind.DETACHED, number);
            }
            other.expectOk("read 0 " + PAGES + " 2");

            assertThat(HandshakeTest.descriptors()).isEqualTo(before);
            assertThat(server.events())
                    .extracting(ServerEvent::kind)
                    .doesNotContain(Kind.FAILED, Kind.REFUSED, Kind.WARNING);
        }
    }
}
