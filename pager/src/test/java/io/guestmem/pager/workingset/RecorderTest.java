package io.guestmem.pager.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What is recorded of a VM, and what it is replayed with.
 *
 * <pre>{@code
 * page of the VM    0 ... 31          32 ... 63
 * page of the file  40 ... 71         0 ... 31      as its lower region lies behind the other one in the file
 * }</pre>
 */
class RecorderTest {
    private static final GuestMap MAP = new GuestMap(List.of(
            new Region(0x10_0000, 32 * Sets.PAGE, 40 * Sets.PAGE, Sets.PAGE),
            new Region(0x20_0000, 32 * Sets.PAGE, 0, Sets.PAGE)));

    @Test
    void pagesStandInTheOrderOfTheirFirstTouchAndByTheirPlaceInTheFile() {
        try (Recorder recorder = new Recorder(MAP, 1_000)) {
            recorder.demanded(33, false, 2_000);
            recorder.demanded(34, false, 900_000);
            recorder.demanded(0, true, 1_001_000);
            recorder.demanded(33, true, 1_002_000);
            recorder.demanded(1, true, 3_001_000);
            recorder.demanded(63, true, 3_501_000);

            WorkingSet set = recorder.set(Sets.SNAPSHOT, _ -> false);

            assertThat(set.memory()).isEqualTo(Sets.LAYOUT);
            assertThat(set.order())
                    .containsExactly(
                            Sets.touched(1, 2, Touch.READ, 1),
                            Sets.touched(40, 1, Touch.WRITE, 1_000),
                            Sets.touched(41, 1, Touch.WRITE, 3_000),
                            Sets.touched(31, 1, Touch.WRITE, 3_500));
            assertThat(recorder.count()).isEqualTo(5);
            assertThat(recorder.last()).isEqualTo(3_501_000);
        }
    }

    @Test
    void whatWasInstalledAheadStandsInItAsThat() {
        try (Recorder recorder = new Recorder(MAP, 0)) {
            recorder.demanded(40, false, 5_000);
            recorder.stop();
            recorder.demanded(41, false, 6_000);

            WorkingSet set = recorder.set(Sets.SNAPSHOT, page -> page >= 39 && page <= 42);

            assertThat(set.order())
                    .containsExactly(
                            Sets.touched(8, 1, Touch.READ, 5),
                            Sets.touched(7, 1, Touch.AHEAD, 5),
                            Sets.touched(9, 2, Touch.AHEAD, 5));
        }
    }

    @Test
    void recordingAllocatesNothing() {
        GuestMap large = new GuestMap(List.of(new Region(1 << 20, 1L << 30, 0, Sets.PAGE)));
        WorkingSet set = new WorkingSet(MemoryRegions.of(large), Sets.SNAPSHOT, 256, List.of(Sets.read(0, 1000)));
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Recorder recorder = new Recorder(large, 0);
                Replay replay = Replay.of(set, ReplayOrder.of(set), null, large, 2, 1)) {
            demand(recorder, replay, 0, 100_000);
            long before = threads.getCurrentThreadAllocatedBytes();
            demand(recorder, replay, 100_000, 200_000);

            assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(10_000);
            assertThat(recorder.count()).isEqualTo(200_000);
            assertThat(replay.report()).isEqualTo(new ReplayReport(1000, 0, 500, 500, 500, 199_000));
        }
    }

    private static void demand(Recorder recorder, Replay replay, long from, long to) {
        for (long page = from; page < to; page++) {
            recorder.demanded(page, true, page);
            recorder.demanded(page, true, page);
            replay.demanded(page);
            replay.demanded(page);
        }
    }

    @Test
    void ofEverySoManyPagesOneIsHeldBack() {
        WorkingSet set = Sets.recorded(Sets.read(0, 32), Sets.read(40, 8));
        for (long seed = 0; seed < 20; seed++) {
            try (Replay replay = Replay.of(set, ReplayOrder.of(set), null, MAP, 8, seed)) {
                long installed = replay.pieces().stream()
                        .mapToLong(piece -> piece.end() - piece.page())
                        .sum();
                assertThat(replay.report().heldBack()).isEqualTo(5);
                assertThat(installed).isEqualTo(35);
                assertThat(replay.pieces()).allMatch(piece -> piece.page() >= 32 || piece.end() <= 8);
            }
        }
        try (Replay replay = Replay.of(set, ReplayOrder.of(set), null, MAP, 0, 0)) {
            assertThat(replay.pieces()).containsExactly(new Replay.Piece(32, 64, 0), new Replay.Piece(0, 8, 0));
            assertThat(replay.report()).isEqualTo(new ReplayReport(40, 0, 0, 0, 0, 0));
        }
    }

    @Test
    void theShareOfTheHeldBackPagesIsThatOfTheInstalledOnes() {
        assertThat(new ReplayReport(640, 630, 0, 10, 7, 3).useful()).hasValue(441);
        assertThat(new ReplayReport(640, 630, 0, 10, 7, 3).wasted()).hasValue(189);
        assertThat(new ReplayReport(640, 567, 63, 10, 7, 3).useful())
                .as("441 of 630 are used, 63 of these came late")
                .hasValue(378);
        assertThat(new ReplayReport(640, 630, 0, 0, 0, 0).useful())
                .as("not known")
                .isEmpty();
        assertThat(new ReplayReport(640, 0, 630, 10, 10, 0).useful()).hasValue(0);
        assertThat(new ReplayReport(640, 100, 530, 10, 0, 0).useful()).hasValue(0);
    }
}
