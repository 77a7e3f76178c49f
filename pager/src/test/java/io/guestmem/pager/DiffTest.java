package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.OpenMode;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Diff snapshots of VMMs that know nothing of them: they agree on EVENT_REMOVE only and register missing pages only. */
class DiffTest {
    private static final int PAGES = 1024;
    private static final int HOLE_EVERY = 5;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;
    private Path diff;

    @BeforeEach
    void makeSnapshot() throws IOException {
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        diff = directory.resolve("diff");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    private ServerOptions options() {
        return ServerOptions.of(socket, snapshot).serving(ServingOptions.DEFAULT.trackingDirty());
    }

    @Test
    void aDiffHasExactlyWhatWasWrittenAndRestoresOverItsBase() throws Exception {
        try (TestServer server = TestServer.start(options());
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("read 0 300 2");
            vmm.expectOk("write 100 3");
            vmm.expectOk("write 500 2");
            vmm.expectOk("remove 200 10");
            vmm.expectOk("read 200 3");
            vmm.expectOk("write 203 1");

            DiffSnapshot written = server.server().control().writeDiff(1, diff);

            assertThat(written.pages()).isEqualTo(15);
            assertThat(written.zeroPages()).as("those that are not there").isEqualTo(6);
            assertThat(server.await(Kind.CUT, 1).numbers()).containsEntry("pages", 15L);
            assertThat(server.await(Kind.DIFF_WRITTEN, 1).text()).isEqualTo(diff.toString());
            assertThat(dataOf(diff)).containsExactly("100-103", "200-210", "500-502");
            vmm.expectOk("write 0 4");
            vmm.expectOk("read 0 " + PAGES + " 4");
            assertThat(server.events())
                    .extracting(ServerEvent::kind)
                    .doesNotContain(Kind.FAILED, Kind.REFUSED, Kind.WARNING);
        }
        restore(List.of(snapshot), diff, "expect 100 3 2", "expect 500 2 2", "expect 200 10 0", "expect 203 1 2");
    }

    @Test
    void diffsOfARunningVmFollowOneAnother() throws Exception {
        Path second = directory.resolve("second");
        try (TestServer server = TestServer.start(options().prefetching());
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("write 100 50 4");
            server.server().control().writeDiff(1, diff);
            vmm.expectOk("write 120 50 4");
            vmm.expectOk("remove 0 1");
            server.server().control().writeDiff(1, second);

            assertThat(dataOf(second)).containsExactly("0-1", "120-170");
        }
        restore(
                List.of(snapshot, diff),
                second,
                "expect 0 1 0",
                "expect 100 20 2",
                "expect 120 30 3",
                "expect 150 20 2");
    }

    /** Serves a chain of files to a VM that checks every byte. */
    private void restore(List<Path> bases, Path top, String... expected) throws Exception {
        ServerOptions options = ServerOptions.of(socket, top).over(bases);
        try (TestServer _ = TestServer.start(options);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            for (String order : expected) {
                vmm.expectOk(order);
            }
            vmm.expectOk("read 0 " + PAGES + " 4");
        }
    }

    @Test
    void aDiffThatIsWrittenWhileTheGuestWritesIsOfOneMoment() throws Exception {
        int stairs = 200;
        try (TestServer server = TestServer.start(options());
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("write 0 " + stairs);
            List<CompletableFuture<String>> steps = vmm.orders(
                    IntStream.range(0, 60).mapToObj(_ -> "write 0 " + stairs).toList());
            List<String> seen = new ArrayList<>();
            for (int cut = 0; cut < 4; cut++) {
                Path file = directory.resolve("moment-" + cut);
                server.server().control().writeDiff(1, file);
                seen.add(checkStairs(file, stairs));
            }
            for (CompletableFuture<String> step : steps) {
                assertThat(step.get(60, TimeUnit.SECONDS)).isEqualTo("ok");
            }
            assertThat(seen).as("versions at page 0").hasSize(4);
        }
    }

    /**
     * One vCPU writes the pages in ascending order, one version after the other: at each moment versions fall by at most one. A
     * diff lacks what was not written since the last one.
     */
    static String checkStairs(Path file, int stairs) {
        List<Integer> versions = new ArrayList<>();
        try (SnapshotFiles source = SnapshotFiles.open(file, List.of());
                Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(4096, 8);
            for (int number = 0; number < stairs; number++) {
                assertThat(source.read(number * 4096L, page)).isEqualTo(4096);
                if (!Pattern.matches(page, number, Pattern.ZERO)) {
                    versions.add(version(page, number));
                }
            }
        }
        assertThat(versions).as("of " + file).isSortedAccordingTo((a, b) -> b - a);
        if (!versions.isEmpty()) {
            assertThat(versions.getFirst() - versions.getLast())
                    .as("versions of " + file + ": " + versions)
                    .isBetween(0, 1);
        }
        return versions.isEmpty() ? "nothing" : versions.getFirst().toString();
    }

    private static int version(MemorySegment page, int number) {
        return IntStream.range(1, 100)
                .filter(version -> Pattern.matches(page, number, version))
                .findFirst()
                .orElseThrow(() -> new AssertionError("page " + number + " is torn"));
    }

    @Test
    void whatWasWrittenOutlivesTheServer() throws Exception {
        try (MockVmmProcess vmm = ofAServerThatEnded();
                TestServer second =
                        TestServer.start(ServerOptions.of(socket, snapshot).state(directory.resolve("state"), false))) {
            vmm.expectOk("write 50 5");
            second.server().control().writeDiff(1, diff);

            assertThat(dataOf(diff)).containsExactly("10-15", "50-55");
            assertThat(second.server().drain()).isTrue();
            vmm.expectOk("write 0 " + PAGES + " 2");
        }
    }

    private MockVmmProcess ofAServerThatEnded() throws Exception {
        try (TestServer _ = TestServer.start(options().state(directory.resolve("state"), false))) {
            MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
            vmm.expectOk("read 0 100");
            vmm.expectOk("write 10 5");
            return vmm;
        }
    }

    @Test
    void whereThereCanBeNoDiffTheReasonIsSaidAndNothingIsLeft() throws Exception {
        try (TestServer server = TestServer.start(options());
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("write 10 5");
            assertThatThrownBy(() -> server.server().control().writeDiff(1, snapshot))
                    .hasMessageContaining("there already");
            assertThatThrownBy(() -> server.server().control().writeDiff(7, diff))
                    .hasMessage("there is no VM 7");
            assertThatThrownBy(() -> server.server().control().writeDiff(1, directory.resolve("nowhere/diff")))
                    .isInstanceOf(IOException.class);

            assertThat(server.server().control().writeDiff(1, diff).pages())
                    .as("nothing is lost")
                    .isEqualTo(5);
        }
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            vmm.expectOk("write 10 5");
            assertThatThrownBy(() -> server.server().control().writeDiff(1, directory.resolve("other")))
                    .hasMessage("its written pages are not tracked");
        }
    }

    /** Where a file has data, in pages. */
    private static List<String> dataOf(Path file) {
        return dataOf(file, PAGES);
    }

    /** The same of a file of so many. */
    static List<String> dataOf(Path file, int pages) {
        List<String> data = new ArrayList<>();
        try (FileDescriptor open = FileDescriptor.open(file, OpenMode.READ)) {
            assertThat(open.seekEnd()).isEqualTo(pages * 4096L);
            long at = open.seekData(0);
            while (at >= 0) {
                long end = open.seekHole(at);
                data.add(at / 4096 + "-" + end / 4096);
                at = open.seekData(end);
            }
        }
        return data;
    }
}
