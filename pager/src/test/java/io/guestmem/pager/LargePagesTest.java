package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.InstallResult;
import io.guestmem.linux.UserfaultfdEvent.PageFault;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import io.guestmem.pager.workingset.MemoryRegions;
import io.guestmem.pager.workingset.PageRun;
import io.guestmem.pager.workingset.Replay;
import io.guestmem.pager.workingset.ReplayOrder;
import io.guestmem.pager.workingset.SnapshotIdentity;
import io.guestmem.pager.workingset.Touch;
import io.guestmem.pager.workingset.WorkingSet;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Pages of 2 MiB on a scripted kernel; {@link HugePagesTest} has a real one where there is a pool of them.
 *
 * <pre>{@code
 * page      0        1        2        3
 * address   200000   400000   600000   800000
 * snapshot  data     hole     data     data
 * }</pre>
 */
class LargePagesTest {
    private static final long LARGE = 2 << 20;
    private static final int PAGES = 4;
    private static final int SMALL = 512;
    private static final long PROTECTED = PageFault.WRITE | PageFault.WRITE_PROTECT;

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> reports = new ArrayList<>();
    private final PageStates states = PageStates.anonymous(PAGES);
    private final DirtyPages dirty = DirtyPages.anonymous(PAGES);
    private final GuestMap map = new GuestMap(List.of(new Region(LARGE, PAGES * LARGE, 0, LARGE)));
    private SnapshotFiles source;

    @BeforeEach
    void makeSnapshot() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES * SMALL, page -> page / SMALL != 1);
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
    }

    @AfterEach
    void close() {
        source.close();
        states.close();
        dirty.close();
    }

    /** Recorded of a VM with pages of 4096 bytes: runs of first page and length. */
    private Replay replay(long... runs) {
        GuestMap small = new GuestMap(List.of(new Region(LARGE, PAGES * LARGE, 0, 4096)));
        List<PageRun> order = new ArrayList<>();
        for (int i = 0; i < runs.length; i += 2) {
            order.add(new PageRun(runs[i], runs[i + 1], Touch.READ, 0, PageRun.ONE, PageRun.ONE));
        }
        WorkingSet set = new WorkingSet(
                MemoryRegions.of(small),
                new SnapshotIdentity(List.of(new SnapshotIdentity.Stamp(PAGES * LARGE, 0))),
                PageRun.ONE,
                order);
        return Replay.of(set, ReplayOrder.of(set), null, map, 0, 0);
    }

    @Test
    void aSetOfSmallPagesIsReplayedOnceForEachLargeOneThatHasSomeOfThem() {
        port.answer(new InstallResult.Complete(LARGE), new InstallResult.Changing());
        try (Replay replay = replay(3 * SMALL + 7, 2, SMALL - 1, 2, 3 * SMALL, 1);
                Prefetcher prefetcher =
                        new Prefetcher(new Guest(map, states, source, port), new Semaphore(1), new Counters())) {
            assertThat(prefetcher.replay(replay)).isTrue();

            assertThat(port.calls())
                    .containsExactly(
                            "copy 800000+200000", "copy 200000+200000", "copy 200000+200000", "copy 400000+200000");
            assertThat(replay.report().installed()).isEqualTo(3);
        }
        assertThat(states.get(2)).isEqualTo(PageStates.NONE);
    }

    @Test
    void aReplayEndsWhereThePoolIsEmptyEvenIfTheKernelSaysThatThePageIsThere() {
        port.present(false);
        port.answer(new InstallResult.Complete(LARGE), new InstallResult.AlreadyPresent());
        try (Replay replay = replay(0, 1, SMALL, 1, 3 * SMALL, 1);
                Prefetcher prefetcher =
                        new Prefetcher(new Guest(map, states, source, port), new Semaphore(1), new Counters())) {
            assertThat(prefetcher.replay(replay)).isFalse();

            assertThat(prefetcher.shortage()).startsWith("ENOMEM");
            assertThat(replay.report().installed()).isEqualTo(1);
            assertThat(states.nextOther(0, PAGES, PageStates.PRESENT)).isEqualTo(1);
        }
    }

    @Test
    void writesAreTrackedAndCutLargePageByLargePage() {
        FaultLoop loop = new FaultLoop(
                new Guest(map, states, source, port, dirty),
                FailurePolicy.POISON,
                new Reports(reports),
                () -> 0,
                new Counters());
        port.batch()
                .fault(LARGE + 5, 0)
                .fault(2 * LARGE, 0)
                .write(3 * LARGE + 77)
                .pending();
        loop.round();
        assertThat(port.calls())
                .as("zeroes are a copy, as hugetlbfs has no page of them")
                .containsExactly("copy protected 200000+200000", "copy protected 400000+200000", "copy 600000+200000");
        port.batch().fault(2 * LARGE + 4096, PROTECTED).pending();
        loop.round();
        assertThat(port.calls()).containsExactly("allow 400000+200000");

        DirtyCut cut = Objects.requireNonNull(loop.cut());

        assertThat(cut.pages()).isEqualTo(2);
        assertThat(cut.next(0, PAGES)).isEqualTo(1);
        assertThat(cut.next(2, PAGES)).isEqualTo(2);
        assertThat(port.calls()).containsExactly("protect 400000+400000");
        port.batch().fault(3 * LARGE + 4096, PROTECTED).pending();
        loop.round();
        assertThat(port.calls()).as("not before it is copied").isEmpty();
        assertThat(cut.nextAsked()).isEqualTo(2);
        loop.close();
    }
}
