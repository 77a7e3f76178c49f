package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.Errno;
import io.guestmem.linux.InstallResult;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A source that fails and may come back, on a scripted kernel. Time is told. */
class SourceRetriesTest {
    private static final int PAGES = 16;
    private static final long BASE = 0x10000;
    private static final long MILLI = 1_000_000;
    private static final long BUDGET = 1000 * MILLI;
    private static final InstallResult UNREADABLE = new InstallResult.Refused(Errno.EFAULT);

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> reports = new ArrayList<>();
    private final PageStates states = PageStates.anonymous(PAGES);
    private final long seed = System.nanoTime();
    private SnapshotFiles source;
    private Guest guest;
    private FaultLoop loop;
    private long now;

    @BeforeEach
    void makeGuest() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES, _ -> true);
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
        guest = new Guest(new GuestMap(List.of(new Region(BASE, PAGES * 4096L, 0, 4096))), states, source, port);
        SourceRetries retries = new SourceRetries(BUDGET, new SplittableRandom(seed));
        loop = new FaultLoop(guest, FailurePolicy.POISON, new Reports(reports), () -> now, new Counters(), retries);
    }

    @AfterEach
    void close() {
        loop.close();
        source.close();
        states.close();
    }

    @Test
    void aPageThatCannotBeReadIsTriedAgainAndAllOthersAreServedMeanwhile() {
        port.answer(UNREADABLE);
        port.batch().fault(0x11000).fault(0x12000).pending();
        loop.round();
        assertThat(port.calls()).containsExactly("copy 11000+1000", "copy 12000+1000");
        assertThat(loop.hasWaiting()).isTrue();
        loop.round();
        assertThat(port.calls()).as("not yet").isEmpty();

        now = SourceRetries.FIRST_PAUSE_NANOS;
        loop.round();

        assertThat(port.calls()).containsExactly("copy 11000+1000");
        assertThat(states.get(1)).isEqualTo(PageStates.PRESENT);
        assertThat(loop.hasWaiting()).isFalse();
        assertThat(reports).isEmpty();
    }

    @Test
    void pausesDoubleAtRandomAndThePolicyHoldsWhenTheBudgetIsUsedUp() {
        port.batch().fault(0x11000).pending();
        List<Long> pauses = new ArrayList<>();
        while (reports.isEmpty() && pauses.size() < 1000) {
            port.answer(UNREADABLE);
            loop.round();
            if (loop.hasWaiting()) {
                pauses.add(loop.pause());
                now += pauses.getLast();
            }
        }

        assertThat(now).as("seed " + seed).isEqualTo(BUDGET);
        assertThat(reports).containsExactly("POISON at 1000: EFAULT (14): the content of 0x1000");
        assertThat(port.calls()).hasSize(pauses.size() + 2).endsWith("copy 11000+1000", "poison 11000+1000");
        assertThat(pauses.getFirst()).isBetween(MILLI / 2, MILLI);
        assertThat(pauses).as("seed " + seed).allMatch(pause -> pause <= SourceRetries.LONGEST_PAUSE_NANOS);
        assertThat(pauses.size()).as("seed " + seed).isBetween(14, 60);
        assertThat(loop.hasWaiting()).isFalse();
    }

    @Test
    void aPageThatWasGivenBackMeanwhileNeedsNoSource() {
        port.answer(UNREADABLE);
        port.batch().fault(0x11000).pending();
        loop.round();
        port.batch().remove(0x11000, 0x12000).pending();
        now = SourceRetries.FIRST_PAUSE_NANOS;

        loop.round();

        assertThat(port.calls()).containsExactly("copy 11000+1000", "zero 11000+1000");
    }

    @Test
    void whatIsAskedForAgainIsKeptOnceAndManyPagesAreEachTried() {
        ScriptedPort.Batch all = port.batch();
        for (int page = 0; page < PAGES; page++) {
            port.answer(UNREADABLE);
            all.fault(BASE + page * 4096L);
        }
        all.pending();
        loop.round();
        port.answer(UNREADABLE);
        port.batch().fault(BASE).pending();
        loop.round();
        port.calls();

        now = SourceRetries.FIRST_PAUSE_NANOS;
        loop.round();

        assertThat(port.calls())
                .filteredOn(call -> call.startsWith("copy"))
                .hasSize(PAGES)
                .doesNotHaveDuplicates();
        assertThat(loop.hasWaiting()).isFalse();
    }

    @Test
    void prefetchingLeavesItOutAndSaysThatItMayBeHadLater() {
        port.answer(UNREADABLE, UNREADABLE);
        try (Prefetcher prefetcher = new Prefetcher(guest, new Semaphore(1), new Counters())) {
            assertThat(prefetcher.sweep(true)).isZero();
            assertThat(prefetcher.mayGetMore()).isTrue();

            assertThat(prefetcher.sweep(true)).as("all is there").isEqualTo(PAGES);
            assertThat(prefetcher.mayGetMore()).isFalse();
        }
    }
}
