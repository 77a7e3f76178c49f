package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.OpenMode;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.workingset.Packing;
import io.guestmem.pager.workingset.PageRun;
import io.guestmem.pager.workingset.Touch;
import io.guestmem.pager.workingset.WorkingSet;
import io.guestmem.pager.workingset.WorkingSetException;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Recording and replaying with real userfaultfds: the VMMs are processes of their own and check every byte. */
class WorkingSetServerTest {
    private static final int PAGES = 2048;
    private static final int HOLE_EVERY = 5;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;
    private Path file;

    @BeforeEach
    void makeSnapshot() throws Exception {
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        file = directory.resolve("set");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    private ServerOptions recording() {
        return ServerOptions.of(socket, snapshot)
                .workingSet(WorkingSetOptions.NONE.recording(file, Duration.ZERO, Duration.ZERO));
    }

    private ServerOptions replaying(int sample) {
        return ServerOptions.of(socket, snapshot).workingSet(WorkingSetOptions.NONE.replaying(file, sample));
    }

    /** Lets a VM do these things and records it. */
    private ServerEvent record(String... orders) throws Exception {
        try (TestServer server = TestServer.start(recording())) {
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                for (String order : orders) {
                    vmm.expectOk(order);
                }
            }
            return server.await(Kind.RECORDED, 1);
        }
    }

    /** Each page and how it was touched, in order. */
    private static List<String> touches(WorkingSet set) {
        List<String> touches = new ArrayList<>();
        for (PageRun run : set.order()) {
            LongStream.range(run.page(), run.end()).forEach(page -> touches.add(run.touch() + " " + page));
        }
        return touches;
    }

    @Test
    void aRecordingHasEveryPageInTheOrderOfItsFirstTouch() throws Exception {
        ServerEvent recorded = record(
                "read 100 3",
                "write 10 2",
                "read 99 5",
                "write 100 1",
                "remove 200 4",
                "read 200 4",
                "remove 10 1",
                "read 10 1",
                "write 7 1");

        WorkingSet set = WorkingSetFile.read(file).set();
        assertThat(touches(set))
                .as("the pages from 200 were zero before they were touched: they are not the snapshot's")
                .containsExactly(
                        "READ 100", "READ 101", "READ 102", "WRITE 10", "WRITE 11", "READ 99", "READ 103", "WRITE 7");
        assertThat(set.memory().bytes()).isEqualTo(PAGES * 4096L);
        assertThat(recorded.text()).isEqualTo(file.toString());
        assertThat(recorded.numbers())
                .containsEntry("pages", 8L)
                .containsEntry("bytes", 32768L)
                .containsEntry("reads", 5L)
                .containsEntry("writes", 3L)
                .containsEntry("ahead", 0L);
        assertThat(set.order().stream().map(PageRun::micros)).isSorted();
    }

    @Test
    void whatIsReplayedCausesNoFault() throws Exception {
        record("read 1000 64", "write 40 16", "read 5 1");

        try (TestServer server = TestServer.start(replaying(0))) {
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                ServerEvent replayed = server.await(Kind.REPLAYED, 1);
                assertThat(replayed.numbers())
                        .containsEntry("planned", 81L)
                        .containsEntry("installed", 81L)
                        .containsEntry("late", 0L);
                vmm.expectOk("read 1000 64");
                vmm.expectOk("write 40 16");
                vmm.expectOk("read 0 10");
            }
            assertThat(server.await(Kind.DETACHED, 1).numbers())
                    .as("0 to 9 without 5")
                    .containsEntry("faults", 9L);
            assertThat(report(server))
                    .containsEntry("missed", 9L)
                    .containsEntry("held_back", 0L)
                    .doesNotContainKeys("useful", "wasted");
        }
    }

    private static Map<String, Long> report(TestServer server) throws InterruptedException {
        return server.await(Kind.REPLAY_REPORT, 1).numbers();
    }

    @Test
    void theReportSaysWhatWasUsefulAndWhatWasWasted() throws Exception {
        record("read 0 800");

        assertThat(reportOf("read 0 800"))
                .containsEntry("planned", 800L)
                .containsEntry("installed", 700L)
                .containsEntry("held_back", 100L)
                .containsEntry("held_back_demanded", 100L)
                .containsEntry("useful", 700L)
                .containsEntry("wasted", 0L)
                .containsEntry("missed", 0L);
        assertThat(reportOf("read 0 400"))
                .containsEntry("held_back_demanded", 50L)
                .containsEntry("useful", 350L)
                .containsEntry("wasted", 350L);
        assertThat(reportOf("read 900 3"))
                .containsEntry("useful", 0L)
                .containsEntry("wasted", 700L)
                .containsEntry("missed", 3L);
    }

    private Map<String, Long> reportOf(String order) throws Exception {
        try (TestServer server = TestServer.start(replaying(8))) {
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                server.await(Kind.REPLAYED, 1);
                vmm.expectOk(order);
            }
            return report(server);
        }
    }

    @Test
    void aRecordingUnderReplayKnowsWhatItDoesNotKnow() throws Exception {
        record("read 0 64", "write 300 1");
        Path second = directory.resolve("second");
        ServerOptions both = ServerOptions.of(socket, snapshot)
                .workingSet(WorkingSetOptions.NONE.replaying(file, 0).recording(second, Duration.ZERO, Duration.ZERO));

        try (TestServer server = TestServer.start(both)) {
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                server.await(Kind.REPLAYED, 1);
                vmm.expectOk("read 500 2");
                vmm.expectOk("read 10 5");
                vmm.expectOk("remove 20 1");
            }
            server.await(Kind.RECORDED, 1);
        }

        WorkingSet set = WorkingSetFile.read(second).set();
        assertThat(touches(set)).startsWith("READ 500", "READ 501", "AHEAD 0").endsWith("AHEAD 63", "AHEAD 300");
        assertThat(set.pages(Touch.AHEAD))
                .as("the page that was given back is not there")
                .isEqualTo(64);
    }

    @Test
    void everybodyIsServedRightWhileASetIsReplayed() throws Exception {
        record("run 5 2 2000");
        for (int seed = 1; seed <= 3; seed++) {
            try (TestServer server = TestServer.start(replaying(16));
                    MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("run " + seed + " 4 4000");
                server.await(Kind.REPLAYED, 1);
                vmm.expectOk("read 0 " + PAGES + " 2");
            }
        }
    }

    @Test
    void packedContentsAreInstalledWithoutTheSnapshot() throws Exception {
        record("read 1000 64", "write 40 16", "read 5 1");
        Packing.write(file, WorkingSetFile.read(file).set(), snapshot, List.of());

        try (TestServer server = TestServer.start(replaying(0).onFailure(FailurePolicy.POISON))) {
            try (FileDescriptor gone = FileDescriptor.open(snapshot, OpenMode.READ_WRITE)) {
                gone.truncate(0);
            }
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                assertThat(server.await(Kind.REPLAYED, 1).numbers()).containsEntry("installed", 81L);
                vmm.expectOk("read 1000 64");
                vmm.expectOk("read 40 16");
                vmm.expectOk("read 5 1");
                assertThat(vmm.order("read 6 1").get()).startsWith("page 6: read -");
            }
            assertThat(server.await(Kind.DETACHED, 1).numbers()).containsEntry("faults", 1L);
        }
    }

    @Test
    void contentsOfASnapshotThatWasChangedAreRefused() throws Exception {
        record("read 0 8");
        Packing.write(file, WorkingSetFile.read(file).set(), snapshot, List.of());
        Files.setLastModifiedTime(snapshot, FileTime.fromMillis(1_700_000_000_000L));

        assertThatThrownBy(() -> PageServer.open(replaying(0), _ -> {}))
                .isInstanceOf(WorkingSetException.class)
                .hasMessageContaining(
                        "its contents are of another snapshot: file 1 of its snapshot has 8388608 bytes of")
                .hasMessageContaining("2023-11-14T22:13:20Z");
    }

    @Test
    void theSetOfAnotherSnapshotIsRefused() throws Exception {
        record("read 0 8");
        Pattern.write(snapshot, PAGES + 1, MockVmm.content(HOLE_EVERY));

        assertThatThrownBy(() -> PageServer.open(replaying(0), _ -> {}))
                .isInstanceOf(WorkingSetException.class)
                .hasMessage(file + ": it is of another snapshot: of one of 8388608 bytes, not 8392704");
    }

    @Test
    void theSetOfAnotherVmIsNotReplayedAndTheVmIsServed() throws Exception {
        record("read 0 8");

        try (TestServer server = TestServer.start(replaying(0));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES / 2, HOLE_EVERY)) {
            assertThat(server.await(Kind.WARNING, 1).text())
                    .isEqualTo("the working set is not replayed: it is of a memory of 8388608 bytes, not of 4194304");
            vmm.expectOk("read 0 100");
        }
    }

    @Test
    void aRecordingEndsWhenNothingNewIsTouchedOrWhenItIsToldTo() throws Exception {
        ServerOptions settling = ServerOptions.of(socket, snapshot)
                .workingSet(WorkingSetOptions.NONE.recording(file, Duration.ofMillis(500), Duration.ZERO));
        try (TestServer server = TestServer.start(settling);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 8");
            assertThat(server.await(Kind.RECORDED, 1).numbers()).containsEntry("pages", 8L);
            vmm.expectOk("read 0 16");
        }
        try (TestServer server = TestServer.start(recording());
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
                MockVmmProcess second = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 8");
            second.expectOk("read 20 5");
            assertThat(server.server().endRecording(1)).isTrue();
            assertThat(server.server().endRecording(3)).isFalse();
            vmm.expectOk("read 0 16");
            assertThat(server.server().endRecording(2)).isTrue();
        }

        assertThat(touches(WorkingSetFile.read(file).set())).hasSize(8);
        assertThat(touches(WorkingSetFile.read(directory.resolve("set.2")).set()))
                .first()
                .isEqualTo("READ 20");
    }

    @Test
    void aVmThatTouchesNothingLeavesTheOldFileAlone() throws Exception {
        Files.writeString(file, "old");
        try (TestServer server = TestServer.start(recording())) {
            try (MockVmmProcess _ = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                server.await(Kind.ATTACHED, 1);
            }
            assertThat(server.await(Kind.NOT_RECORDED, 1).text()).isEqualTo("nothing was touched");
        }
        assertThat(file).hasContent("old");
    }

    @Test
    void aRecordingThatCannotBeWrittenIsSaidAndTheVmIsServed() throws Exception {
        Path nowhere = directory.resolve("nowhere/set");
        ServerOptions options = ServerOptions.of(socket, snapshot)
                .workingSet(WorkingSetOptions.NONE.recording(nowhere, Duration.ZERO, Duration.ZERO));
        try (TestServer server = TestServer.start(options);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 8");
            server.server().endRecording(1);

            ServerEvent event = server.await(Kind.NOT_RECORDED, 1);
            assertThat(event.text()).contains("NoSuchFileException", "nowhere");
            assertThat(event.numbers()).containsEntry("pages", 8L);
            vmm.expectOk("read 0 100");
        }
    }
}
