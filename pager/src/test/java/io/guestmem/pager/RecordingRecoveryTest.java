package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.workingset.PageRun;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Recordings of VMs whose server is killed, or hands over: the next one goes on with them. */
class RecordingRecoveryTest {
    private static final int PAGES = 1024;
    private static final int HOLE_EVERY = 7;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;
    private Path state;
    private Path file;

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
        file = directory.resolve("set");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    private ServerProcess recording() throws IOException {
        return ServerProcess.start(socket, snapshot, state, false, "record:" + file);
    }

    private ServerProcess successor(boolean takeOver) throws IOException {
        return ServerProcess.start(socket, snapshot, state, takeOver, "");
    }

    /** Each page and how it was touched, in order. */
    private List<String> touches() throws IOException {
        List<String> touches = new ArrayList<>();
        for (PageRun run : WorkingSetFile.read(file).set().order()) {
            LongStream.range(run.page(), run.end()).forEach(page -> touches.add(run.touch() + " " + page));
        }
        return touches;
    }

    private List<String> left() throws IOException {
        try (Stream<Path> files = Files.list(state)) {
            return files.map(left -> left.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void aRecordingGoesOnUnderTheNextServerWhenOneIsKilled() throws Exception {
        ServerProcess server = recording();
        try {
            server.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("read 100 3");
                vmm.expectOk("remove 500 2");
                vmm.expectOk("read 500 2");
                for (int kill = 0; kill < 2; kill++) {
                    server.kill();
                    server = successor(false);
                    server.await("RECOVERED 1");
                    vmm.expectOk("write " + (10 + kill) + " 1");
                    vmm.expectOk("read 99 5");
                }
                vmm.expectOk("remove 99 5");
                vmm.expectOk("read 99 5");
                assertThat(file).doesNotExist();
            }
            server.await("RECORDED 1 " + file);
            server.await("DETACHED 1");

            assertThat(touches())
                    .containsExactly("READ 100", "READ 101", "READ 102", "WRITE 10", "READ 99", "READ 103", "WRITE 11");
            assertThat(left()).containsExactly("hand-over.sock", "lock");
        } finally {
            server.close();
        }
    }

    @Test
    void aRecordingIsHandedOverAndNotWrittenTwice() throws Exception {
        try (ServerProcess first = recording()) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("read 5 2");
                try (ServerProcess second = successor(true)) {
                    second.await("RECOVERED 1");
                    first.awaitEnd();
                    assertThat(file).doesNotExist();
                    vmm.expectOk("read 20 1");
                    vmm.kill();
                    second.await("RECORDED 1 " + file);
                }
            }
        }
        assertThat(touches()).containsExactly("READ 5", "READ 6", "READ 20");
    }

    @Test
    void aVmThatEndsWhileNobodyServesItHasLeftItsRecording() throws Exception {
        try (ServerProcess first = recording()) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("write 7 2");
                first.kill();
            }
        }
        try (ServerProcess second = successor(false)) {
            second.await("RECORDED 1 " + file);
            second.await("DETACHED 1");
            second.await("LISTENING");
        }
        assertThat(touches()).containsExactly("WRITE 7", "WRITE 8");
    }

    @Test
    void aRecordingThatCannotBeFinishedHoldsUpNobody() throws Exception {
        try (ServerProcess first = recording()) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("write 7 2");
                first.kill();
            }
        }
        Files.writeString(state.resolve("vm-1.pages"), "broken");
        try (ServerProcess second = successor(false)) {
            second.await("WARNING 1 its recording is lost");
            second.await("DETACHED 1");
            second.await("LISTENING");
        }
        assertThat(file).doesNotExist();
        assertThat(left()).containsExactly("hand-over.sock", "lock");
    }

    @Test
    void aVmIsServedEvenIfNobodyUnderstandsItsRecording() throws Exception {
        try (ServerProcess first = recording()) {
            first.await("LISTENING");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("write 7 2");
                first.kill();
                Files.writeString(state.resolve("vm-1.touches"), "of another version");
                try (ServerProcess second = successor(false)) {
                    second.await("WARNING 1 its recording is lost");
                    second.await("RECOVERED 1");
                    vmm.expectOk("read 0 " + PAGES);
                }
            }
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void aServerThatIsClosedLeavesTheRecordingToTheNextOne() throws Exception {
        ServerOptions options = ServerOptions.of(socket, snapshot)
                .state(state, false)
                .workingSet(WorkingSetOptions.NONE.recording(file, Duration.ZERO, Duration.ZERO));
        try (MockVmmProcess vmm = ofAServerThatIsClosed(options);
                TestServer second =
                        TestServer.start(ServerOptions.of(socket, snapshot).state(state, false))) {
            vmm.expectOk("read 4 1");
            assertThat(second.server().endRecording(1)).isTrue();
            vmm.expectOk("read 5 1");
        }
        assertThat(touches()).containsExactly("READ 3", "READ 4");
    }

    private MockVmmProcess ofAServerThatIsClosed(ServerOptions options) throws Exception {
        try (TestServer _ = TestServer.start(options)) {
            MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
            vmm.expectOk("read 3 1");
            return vmm;
        }
    }
}
