package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.UnixListener;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that are killed, and servers that hand over, under a VMM that works and checks every byte. */
class RecoveryTest {
    private static final int PAGES = 8192;
    private static final int HOLE_EVERY = 7;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;
    private Path state;

    @BeforeEach
    void makeSnapshot() throws Exception {
        try {
            Userfaultfd.open(FaultScope.USER_AND_KERNEL).close();
        } catch (LinuxException refused) {
            Assumptions.abort("no userfaultfd on this machine: " + refused.getMessage());
        }
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        state = directory.resolve("state");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    private ServerProcess server(boolean takeOver) throws Exception {
        return ServerProcess.start(socket, snapshot, state, takeOver);
    }

    @Test
    void aSuccessorTakesTheVmBackWheneverTheServerIsKilled() throws Exception {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        ServerProcess server = server(false);
        try {
            server.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                server.await("ATTACHED 1");
                CompletableFuture<String> work = vmm.order("run " + (seed & 0xffff) + " 4 12000");
                for (int kill = 0; kill < 3; kill++) {
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(1, 120)));
                    server.kill();
                    server = server(false);
                    server.await("RECOVERED 1");
                }

                assertThat(work.get(60, TimeUnit.SECONDS)).as("seed " + seed).isEqualTo("ok");
                vmm.expectOk("read 0 " + PAGES + " 4");
            }
        } finally {
            server.close();
        }
    }

    @Test
    void whoConnectsAfterwardsIsServedByTheSuccessorToo() throws Exception {
        try (ServerProcess first = server(false)) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                first.await("ATTACHED 1");
                first.kill();
                try (ServerProcess second = server(false)) {
                    second.await("LISTENING");
                    try (MockVmmProcess other = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                        second.await("ATTACHED 2");
                        other.expectOk("read 0 100");
                        vmm.expectOk("read 0 100");
                    }
                }
            }
        }
    }

    /** Closed since, or reused for something else: the number in the journal is only where to look first. */
    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 1, 1000})
    void aJournalWithAStaleNumberOfTheUserfaultfdIsNoObstacle(int number) throws Exception {
        try (ServerProcess first = server(false)) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                first.await("ATTACHED 1");
                first.kill();
                changeJournal("\"userfaultfd\":[0-9]+", "\"userfaultfd\":" + number);
                try (ServerProcess second = server(false)) {
                    second.await("RECOVERED 1");
                    vmm.expectOk("read 0 " + PAGES + " 2");
                }
            }
        }
    }

    /** The VM has ended, and its number is another process's: here its own, started at another time. */
    @Test
    void aProcessWithAReusedNumberIsNotTouched() throws Exception {
        try (ServerProcess first = server(false)) {
            first.await("LISTENING");
            try (MockVmmProcess _ = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                first.await("ATTACHED 1");
                first.kill();
                changeJournal("\"start_time\":", "\"start_time\":1");
                try (ServerProcess second = server(false)) {
                    assertThat(second.await("DETACHED 1")).contains("it had ended before");
                    second.await("LISTENING");
                    assertThat(names()).doesNotContain("vm-1.json", "vm-1.pages");
                }
            }
        }
    }

    private void changeJournal(String pattern, String replacement) throws IOException {
        Path journal = state.resolve("vm-1.json");
        String text = Files.readString(journal);
        assertThat(text).containsPattern(pattern);
        Files.writeString(journal, text.replaceFirst(pattern, replacement));
    }

    /** It has taken the VM back before it finds somebody at its socket: nobody serves the VM out of what is closed then. */
    @Test
    void aSuccessorThatCannotListenLeavesTheVmToTheNextOne() throws Exception {
        try (ServerProcess first = server(false)) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                first.await("ATTACHED 1");
                first.kill();
                Path busy = directory.resolve("busy.sock");
                List<ServerEvent.Kind> heard = new CopyOnWriteArrayList<>();
                try (UnixListener _ = UnixListener.listen(busy, PosixFilePermissions.fromString("rw-------"))) {
                    long descriptors = descriptors();

                    assertThatThrownBy(() -> PageServer.open(
                                    ServerOptions.of(busy, snapshot).state(state, false),
                                    event -> heard.add(event.kind())))
                            .isInstanceOf(LinuxException.class)
                            .hasMessageContaining("EADDRINUSE");

                    assertThat(heard).contains(ServerEvent.Kind.RECOVERED);
                    assertThat(descriptors()).isEqualTo(descriptors);
                }
                try (ServerProcess next = server(false)) {
                    next.await("RECOVERED 1");
                    vmm.expectOk("read 0 " + PAGES + " 4");
                }
            }
        }
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    @Test
    void aLivingServerHandsItsVmsOverAndEnds() throws Exception {
        try (ServerProcess first = server(false)) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                CompletableFuture<String> work = vmm.order("run 3 4 12000");
                first.await("ATTACHED 1");
                try (ServerProcess second = server(true)) {
                    second.await("RECOVERED 1");
                    first.await("HANDED_OVER 1");
                    first.awaitEnd();

                    assertThat(work.get(60, TimeUnit.SECONDS)).isEqualTo("ok");
                    vmm.expectOk("read 0 " + PAGES + " 4");
                    try (MockVmmProcess other = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                        other.expectOk("read 0 100");
                    }
                }
            }
        }
    }

    /** While it starts, prepares, takes over or serves: one of the two has the VM, or neither has and the next one takes it back. */
    @Test
    void aSuccessorMayBeKilledAtAnyTime() throws Exception {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        ServerProcess living = server(false);
        try {
            living.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                living.await("ATTACHED 1");
                CompletableFuture<String> work = vmm.order("run " + (seed & 0xffff) + " 4 12000");
                for (int kill = 0; kill < 4; kill++) {
                    try (ServerProcess successor = server(true)) {
                        if (kill % 2 == 0) {
                            successor.await("RECOVERED 1");
                        }
                        LockSupport.parkNanos(
                                TimeUnit.MILLISECONDS.toNanos(random.nextInt(0, kill % 2 == 0 ? 5 : 900)));
                    }
                    ServerProcess next = server(true);
                    try (ServerProcess _ = living) {
                        living = next;
                        next.await("RECOVERED 1");
                    }
                }

                assertThat(work.get(60, TimeUnit.SECONDS)).as("seed " + seed).isEqualTo("ok");
                vmm.expectOk("read 0 " + PAGES + " 4");
            }
        } finally {
            living.close();
        }
    }

    @Test
    void aServerThatIsAskedByNobodyTrustworthyServesOn() throws Exception {
        try (TestServer server =
                        TestServer.start(ServerOptions.of(socket, snapshot).state(state, false));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 10");
            HandshakeTest.sendTo(state.resolve("hand-over.sock"), "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");

            assertThat(server.await(ServerEvent.Kind.WARNING, 0).text()).contains("hand-over");
            vmm.expectOk("read 0 " + PAGES + " 2");
            assertThat(server.server().isHandedOver()).isFalse();
        }
    }

    @Test
    void twoServersDoNotServeFromOneStateDirectory() throws Exception {
        ServerOptions options = ServerOptions.of(socket, snapshot).state(state, false);
        try (TestServer _ = TestServer.start(options)) {
            assertThatThrownBy(() -> PageServer.open(options, _ -> {})).isInstanceOf(ServerBusyException.class);
        }
    }

    @Test
    void nothingIsLeftOfAVmThatHasEnded() throws Exception {
        try (TestServer server =
                TestServer.start(ServerOptions.of(socket, snapshot).state(state, false))) {
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("read 0 10");
                assertThat(names()).contains("vm-1.json", "vm-1.pages");
            }
            server.await(ServerEvent.Kind.DETACHED, 1);
        }
        assertThat(names()).containsExactly("lock");
    }

    private List<String> names() throws Exception {
        try (Stream<Path> files = Files.list(state)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
