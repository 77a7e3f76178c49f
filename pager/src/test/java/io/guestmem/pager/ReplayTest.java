package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.Errno;
import io.guestmem.linux.InstallResult;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import io.guestmem.pager.workingset.MemoryRegions;
import io.guestmem.pager.workingset.PageRun;
import io.guestmem.pager.workingset.Recorder;
import io.guestmem.pager.workingset.Replay;
import io.guestmem.pager.workingset.ReplayOrder;
import io.guestmem.pager.workingset.ReplayReport;
import io.guestmem.pager.workingset.SnapshotIdentity;
import io.guestmem.pager.workingset.Touch;
import io.guestmem.pager.workingset.WorkingSet;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Recording and replaying on a scripted kernel.
 *
 * <pre>{@code
 * page         0 ... 511      512 ... 1023
 * address      100000         2000000
 * page of file 512 ... 1023   0 ... 511
 * }</pre>
 */
class ReplayTest {
    private static final int PAGES = 1024;

    /** Nothing goes wrong here. */
    private static final GuestReport REPORT = new GuestReport() {
        @Override
        public void sourceShrunk() {
            throw new AssertionError();
        }

        @Override
        public void unexpected(String what) {
            throw new AssertionError(what);
        }

        @Override
        public void failed(long offset, String reason, FailurePolicy applied) {
            throw new AssertionError(reason);
        }
    };

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final Counters counters = new Counters();
    private final PageStates states = PageStates.anonymous(PAGES);
    private final GuestMap map = new GuestMap(
            List.of(new Region(0x100000, 2 << 20, 2 << 20, 4096), new Region(0x2000000, 2 << 20, 0, 4096)));
    private final List<ServerEvent> events = new ArrayList<>();
    private SnapshotFiles source;

    @BeforeEach
    void makeSnapshot() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES, page -> page != 6);
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
    }

    @AfterEach
    void close() {
        source.close();
        states.close();
    }

    private Replay replay(long... runs) {
        List<PageRun> order = new ArrayList<>();
        for (int i = 0; i < runs.length; i += 2) {
            order.add(new PageRun(runs[i], runs[i + 1], Touch.READ, 0, PageRun.ONE, PageRun.ONE));
        }
        WorkingSet set = new WorkingSet(
                MemoryRegions.of(map),
                new SnapshotIdentity(List.of(new SnapshotIdentity.Stamp(4 << 20, 0))),
                PageRun.ONE,
                order);
        return Replay.of(set, ReplayOrder.of(set), null, map, 0, 0);
    }

    private boolean run(Replay replay) {
        try (Prefetcher prefetcher = new Prefetcher(new Guest(map, states, source, port), new Semaphore(1), counters)) {
            return prefetcher.replay(replay);
        }
    }

    @Test
    void bucketsComeInOrderAndPiecesInTheirPlaceHolesApart() {
        try (Replay replay = replay(600, 250, 2, 6, 300, 4)) {
            assertThat(run(replay)).isTrue();

            assertThat(port.calls())
                    .containsExactly(
                            "copy 2002000+4000",
                            "zero 2006000+1000",
                            "copy 2007000+1000",
                            "copy 158000+fa000",
                            "copy 212c000+4000");
            assertThat(replay.report()).isEqualTo(new ReplayReport(260, 260, 0, 0, 0, 0));
        }
    }

    @Test
    void whatIsThereOrWasGivenBackIsLeftAndNotCounted() {
        states.set(512 + 10, PageStates.PRESENT);
        states.set(512 + 12, PageStates.REMOVED);
        port.answer(new InstallResult.Changing(), new InstallResult.AlreadyPresent());
        try (Replay replay = replay(9, 6)) {
            assertThat(run(replay)).isTrue();

            assertThat(port.calls())
                    .containsExactly(
                            "copy 2009000+1000",
                            "copy 2009000+1000",
                            "wake 2009000+1000",
                            "copy 200b000+1000",
                            "copy 200d000+2000");
            assertThat(replay.report().installed()).isEqualTo(3);
        }
    }

    @Test
    void whatCannotBeHadIsLeftToWhoAsksForIt() {
        port.answer(new InstallResult.Refused(Errno.EFAULT));
        try (Replay replay = replay(9, 3, 20, 1)) {
            assertThat(run(replay)).isTrue();

            assertThat(port.calls()).containsExactly("copy 2009000+3000", "copy 200a000+2000", "copy 2014000+1000");
            assertThat(replay.report().installed()).isEqualTo(3);
        }
    }

    @Test
    void whereMemoryIsShortItEnds() {
        port.answer(new InstallResult.Complete(3 * 4096), new InstallResult.OutOfMemory());
        try (Replay replay = replay(9, 3, 20, 1, 30, 1)) {
            assertThat(run(replay)).isFalse();

            assertThat(replay.report().installed()).isEqualTo(3);
            assertThat(port.calls()).containsExactly("copy 2009000+3000", "copy 2014000+1000");
        }
    }

    @Test
    void everyDemandIsHeardOfOnceAndThoseForGivenBackPagesAreNot() {
        Recorder recorder = new Recorder(map, System.nanoTime());
        VmWorkingSet heard = new VmWorkingSet(7, events::add, states, replay(0, 2, 512, 1), recorder);
        FaultLoop loop = new FaultLoop(
                new Guest(map, states, source, port, heard), FailurePolicy.HANG, REPORT, System::nanoTime, counters);
        heard.begin();
        port.batch()
                .fault(0x2001000)
                .write(0x100000)
                .fault(0x2005000)
                .remove(0x2009000, 0x200a000)
                .fault(0x2009000)
                .fault(0x2001000)
                .pending();
        loop.round();
        port.batch().fault(0x2009000).fault(0x100000).pending();

        loop.round();
        loop.close();

        assertThat(heard.replay().orElseThrow().report()).isEqualTo(new ReplayReport(3, 0, 2, 0, 0, 1));
        assertThat(recorder.count()).isEqualTo(3);
        assertThat(recorder.set(new SnapshotIdentity(List.of(new SnapshotIdentity.Stamp(1, 1))), _ -> false)
                        .order())
                .extracting(run -> run.touch() + " " + run.page())
                .containsExactly("READ 1", "WRITE 512", "READ 5");
        heard.close();
        assertThat(events).singleElement().satisfies(event -> {
            assertThat(event.kind()).isEqualTo(ServerEvent.Kind.REPLAY_REPORT);
            assertThat(event.vm()).isEqualTo(7);
            assertThat(event.numbers())
                    .isEqualTo(Map.of(
                            "planned",
                            3L,
                            "installed",
                            0L,
                            "late",
                            2L,
                            "held_back",
                            0L,
                            "held_back_demanded",
                            0L,
                            "missed",
                            1L));
        });
    }
}
