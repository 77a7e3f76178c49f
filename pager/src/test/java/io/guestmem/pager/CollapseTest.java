package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.Errno;
import io.guestmem.linux.ProcessAdviceResult;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Huge pages after the fact: of what is whole and quiet, and nothing else. On a scripted kernel first:
 *
 * <pre>{@code
 * address   1ff000   200000     400000     600000     800000 .. 9ff000
 * page      0        1          513        1025       1537   .. 2047
 * piece     -        1st        2nd        3rd        -
 * }</pre>
 */
class CollapseTest {
    private static final int PAGES = 2048;
    private static final long PIECE = 2 << 20;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;

    @BeforeEach
    void makeSnapshot() throws IOException {
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        Pattern.write(snapshot, PAGES, MockVmm.content(0));
    }

    private CollapseReport collapse(PageStates states, @Nullable DirtyPages dirty, List<Long> asked, Integer... errnos)
            throws IOException {
        Queue<Integer> answers = new ArrayDeque<>(List.of(errnos));
        GuestMap map = new GuestMap(List.of(new Region(PIECE - 4096, PAGES * 4096L, 0, 4096)));
        try (SnapshotFiles source = SnapshotFiles.open(snapshot, List.of())) {
            Guest guest = new Guest(map, states, source, new ScriptedPort(), dirty);
            return new Collapser(
                            guest,
                            address -> {
                                asked.add(address);
                                int errno = answers.isEmpty() ? 0 : answers.remove();
                                return errno == 0
                                        ? new ProcessAdviceResult.Complete(PIECE)
                                        : new ProcessAdviceResult.Refused(new Errno(errno));
                            },
                            () -> false)
                    .run();
        }
    }

    @Test
    void onlyPiecesOfWhichEveryPageIsThereAreTried() throws Exception {
        List<Long> asked = new ArrayList<>();
        try (PageStates states = PageStates.anonymous(PAGES)) {
            states.set(0, PAGES, PageStates.PRESENT);
            states.set(513, PageStates.REMOVED);
            states.set(1536, PageStates.NONE);

            CollapseReport report = collapse(states, null, asked);

            assertThat(asked).containsExactly(PIECE);
            assertThat(report).hasToString("1 pieces are huge pages, 2 are not populated");
        }
    }

    @Test
    void whatTheKernelRefusesIsCountedByErrnoAndWhatItNeverAllowsIsNotAskedForAgain() throws Exception {
        List<Long> asked = new ArrayList<>();
        try (PageStates states = PageStates.anonymous(PAGES)) {
            states.set(0, PAGES, PageStates.PRESENT);
            int busy = Errno.EBUSY.number();
            int noPermission = Errno.EPERM.number();

            assertThat(collapse(states, null, asked, busy, 0, busy).refused()).isEqualTo(Map.of(busy, 2L));
            assertThat(asked).hasSize(3);
            asked.clear();
            assertThat(collapse(states, null, asked, noPermission))
                    .hasToString("0 pieces are huge pages, 1 refused: EPERM (1)");
            assertThat(asked).hasSize(1);
        }
    }

    @Test
    void aGuestWhoseWritesAreTrackedKeepsItsPages() {
        List<Long> asked = new ArrayList<>();
        try (PageStates states = PageStates.anonymous(PAGES);
                DirtyPages dirty = DirtyPages.anonymous(PAGES)) {
            states.set(0, PAGES, PageStates.PRESENT);

            assertThatThrownBy(() -> collapse(states, dirty, asked)).hasMessageContaining("writes are tracked");
            assertThat(asked).isEmpty();
        }
    }

    @Test
    void aPopulatedVmGetsHugePagesAndKeepsEveryByte() throws Exception {
        try (TestServer server =
                        TestServer.start(ServerOptions.of(socket, snapshot).prefetching());
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, 0)) {
            vmm.expectOk("write 1000 100");
            server.await(Kind.PREFETCHED, 1);
            long before = anonymousHugeKilobytes(vmm);

            CollapseReport report = server.server().control().collapse(1);

            assertThat(report.notWhole()).isZero();
            Assumptions.assumeTrue(report.huge() > 0, "this kernel or these permissions allow no collapse: " + report);
            assertThat(report.huge()
                            + report.busy()
                            + report.refused().values().stream()
                                    .mapToLong(Long::longValue)
                                    .sum())
                    .isBetween(3L, 4L);
            assertThat(anonymousHugeKilobytes(vmm) - before).isEqualTo(report.huge() * 2048);
            assertThat(server.await(Kind.COLLAPSED, 1).numbers()).containsEntry("huge", report.huge());
            vmm.expectOk("read 0 " + PAGES + " 2");
            vmm.expectOk("run 3 4 2000");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
    }

    @Test
    void whatWasPrefetchedBecomesHugeByItselfIfThatIsWanted() throws Exception {
        ServerOptions options = ServerOptions.of(socket, snapshot).prefetching();
        ServingOptions huge = ServingOptions.DEFAULT.collapsing();
        try (TestServer server = TestServer.start(options.serving(huge));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, 0)) {
            assertThat(server.await(Kind.COLLAPSED, 1).numbers()).containsEntry("not_whole", 0L);
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
        try (TestServer server = TestServer.start(options.serving(huge.trackingDirty()));
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, 0)) {
            assertThat(server.await(Kind.WARNING, 1).text()).startsWith("no huge pages: its writes are tracked");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
    }

    private static long anonymousHugeKilobytes(MockVmmProcess vmm) throws IOException {
        return Files.readAllLines(Path.of("/proc/" + vmm.process().pid() + "/smaps_rollup")).stream()
                .filter(line -> line.startsWith("AnonHugePages:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .sum();
    }
}
