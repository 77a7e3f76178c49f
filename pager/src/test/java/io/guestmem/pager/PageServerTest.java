package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.OpenMode;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The server with real userfaultfds: the VMMs are processes of their own and check every byte. */
class PageServerTest {
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

    @Test
    void everyPageIsTheSnapshotsWhateverIsTouchedFirst() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 1000 200 4");
            vmm.expectOk("write 900 200 2");
            vmm.expectOk("read 0 " + PAGES + " 8");
            vmm.kill();

            ServerEvent end = server.await(Kind.DETACHED, 1);

            assertThat(end.numbers().get("copied")).isEqualTo(PAGES - Math.ceilDiv(PAGES, HOLE_EVERY));
            assertThat(end.numbers().get("zeroed")).isEqualTo(Math.ceilDiv(PAGES, HOLE_EVERY));
            assertThat(end.numbers().get("failed")).isZero();
        }
    }

    @Test
    void aRemovedPageIsZeroWhateverTheSnapshotHas() throws Exception {
        try (TestServer _ = TestServer.start(ServerOptions.of(socket, snapshot));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 64");
            vmm.expectOk("remove 32 64");
            vmm.expectOk("read 0 128 4");
            vmm.expectOk("write 32 8");
            vmm.expectOk("remove 0 " + PAGES);
            vmm.expectOk("read 0 " + PAGES + " 4");
        }
    }

    @Test
    void vcpusThatReadWriteAndRemoveWhileEverythingIsPrefetchedSeeNoWrongByte() throws Exception {
        for (int seed = 1; seed <= 3; seed++) {
            try (TestServer server =
                            TestServer.start(ServerOptions.of(socket, snapshot).prefetching());
                    MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("run " + seed + " 4 4000");
                server.await(Kind.PREFETCHED, 1);
                vmm.expectOk("read 0 " + PAGES + " 2");
            }
        }
    }

    @Test
    void oneServerServesManyAndAStrangerDisturbsNobody() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                MockVmmProcess first = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
                MockVmmProcess second = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            CompletableFuture<String> one = first.order("run 7 4 3000");
            CompletableFuture<String> two = second.order("run 8 4 3000");
            HandshakeTest.sendTo(socket, "[{\"size\":");

            assertThat(server.await(Kind.REFUSED, 3).text()).isEqualTo("half a message");
            assertThat(one.get(60, TimeUnit.SECONDS)).isEqualTo("ok");
            assertThat(two.get(60, TimeUnit.SECONDS)).isEqualTo("ok");
        }
    }

    @Test
    void aDiffLiesOverItsBases() throws Exception {
        Path oldest = directory.resolve("oldest");
        Path newer = directory.resolve("newer");
        Pattern.write(oldest, PAGES / 2, page -> page % HOLE_EVERY != 0 && page % 3 == 0);
        Pattern.write(newer, PAGES, page -> page % HOLE_EVERY != 0 && page % 3 == 1);
        Pattern.write(
                snapshot,
                PAGES,
                page -> page % HOLE_EVERY != 0 && (page % 3 == 2 || (page >= PAGES / 2 && page % 3 == 0)));

        try (TestServer _ = TestServer.start(ServerOptions.of(socket, snapshot).over(List.of(oldest, newer)));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 " + PAGES + " 4");
        }
    }

    @Test
    void aSnapshotThatShrinksPoisonsThePagesThatItLost() throws Exception {
        try (TestServer server =
                        TestServer.start(ServerOptions.of(socket, snapshot).onFailure(FailurePolicy.POISON));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 8");
            truncate(1000 * 4096L + 100);

            assertThat(vmm.order("read 1001 1").get(60, TimeUnit.SECONDS)).startsWith("page 1001: read -");
            vmm.expectOk("read 900 100 2");
            assertThat(server.await(Kind.FAILED, 1).text()).contains("shorter", "poisoned");
            assertThat(server.await(Kind.FAILED, 1).numbers()).containsEntry("offset", 1001 * 4096L);
            server.await(Kind.WARNING, 1);
        }
    }

    @Test
    void aSnapshotThatIsShorterThanTheVmKillsItIfThatIsThePolicy() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                MockVmmProcess other = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES + 16, HOLE_EVERY)) {
            vmm.expectOk("read 0 " + PAGES + " 2");
            CompletableFuture<String> answer = vmm.order("read " + PAGES + " 1");

            assertThat(vmm.process().waitFor()).isEqualTo(128 + 9);
            assertThat(answer.get(60, TimeUnit.SECONDS)).as("it ended").isNull();
            server.await(Kind.DETACHED, 2);
            other.expectOk("read 0 " + PAGES);
        }
    }

    @Test
    void drainingGivesAVmAllOfItsMemoryAndLetsItGo() throws Exception {
        try (MockVmmProcess vmm = drained()) {
            vmm.expectOk("remove 5 20");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
    }

    /** A VM whose server is gone. */
    private MockVmmProcess drained() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot))) {
            MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
            vmm.expectOk("read 0 10");
            vmm.expectOk("write 3 4");
            vmm.expectOk("remove 8 100");

            assertThat(server.server().drain()).isTrue();

            server.await(Kind.RELEASED, 1);
            return vmm;
        }
    }

    private void truncate(long length) {
        try (FileDescriptor file = FileDescriptor.open(snapshot, OpenMode.READ_WRITE)) {
            file.truncate(length);
        }
    }

    @Test
    void anAbandonedSocketIsReplacedAndAFileIsNot() throws Exception {
        Files.writeString(socket, "not a socket");

        assertThatThrownBy(() -> PageServer.open(ServerOptions.of(socket, snapshot), _ -> {}))
                .hasMessageContaining("EADDRINUSE");
        assertThat(socket).hasContent("not a socket");
    }
}
