package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.InstallResult;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Who is woken when, if many wait, on a scripted kernel.
 *
 * <pre>{@code
 * page      0      1      2      3      4 ... 79
 * address   10000  11000  12000  13000  14000
 * snapshot  data   data   data   hole   data
 * }</pre>
 */
class WakeTogetherTest {
    private static final int PAGES = 80;
    private static final long BASE = 0x10000;
    private static final long MICROSECOND = 1000;

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> reports = new ArrayList<>();
    private final PageStates states = PageStates.anonymous(PAGES);
    private SnapshotFiles source;
    private FaultLoop loop;
    private long now = 1;

    @BeforeEach
    void makeGuest() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES, page -> page != 3);
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
        loop = loop(null);
    }

    private FaultLoop loop(@Nullable DirtyPages dirty) {
        GuestMap map = new GuestMap(List.of(new Region(BASE, PAGES * 4096L, 0, 4096)));
        Guest guest = new Guest(map, states, source, port, dirty);
        return new FaultLoop(guest, FailurePolicy.HANG, new Reports(reports), () -> now, new Counters());
    }

    @AfterEach
    void close() {
        loop.close();
        source.close();
        states.close();
    }

    /** Faults of so many pages are pending, from page 0 on. */
    private void faults(int count) {
        ScriptedPort.Batch batch = port.batch();
        IntStream.range(0, count).forEach(page -> batch.fault(BASE + page * 4096L));
        batch.pending();
    }

    private static List<String> expected(int from, int to, String how) {
        return IntStream.range(from, to)
                .mapToObj(page ->
                        (page == 3 ? "zero" : "copy") + how + " " + Long.toHexString(BASE + page * 4096L) + "+1000")
                .toList();
    }

    @Test
    void sevenAreWokenEachByItsOwnInstallation() {
        faults(7);

        loop.round();

        assertThat(port.calls()).isEqualTo(expected(0, 7, ""));
        assertThat(loop.latencies().count()).isEqualTo(7);
    }

    @Test
    void eightAreWokenTogetherWhenAllPagesAreThere() {
        faults(8);
        port.beforeInstall(() -> now += MICROSECOND);

        loop.round();

        List<String> calls = new ArrayList<>(expected(0, 8, " asleep"));
        calls.add("wake 10000+8000");
        assertThat(port.calls()).isEqualTo(calls);
        assertThat(loop.hasWaiting()).isFalse();
        LatencyHistogram content = loop.latencies().of(Latencies.Need.CONTENT);
        assertThat(content.count()).isEqualTo(7);
        assertThat(content.sum()).as("until all were woken").isEqualTo(7 * 8 * MICROSECOND);
        assertThat(loop.latencies().of(Latencies.Need.ZERO).count()).isEqualTo(1);
    }

    @Test
    void nobodySleepsOnBehindASlowSource() {
        faults(10);
        port.beforeInstall(() -> now += 20 * MICROSECOND);

        loop.round();

        List<String> calls = new ArrayList<>(expected(0, 4, " asleep"));
        calls.add("wake 10000+4000");
        calls.addAll(expected(4, 8, " asleep"));
        calls.add("wake 14000+4000");
        calls.addAll(expected(8, 10, " asleep"));
        calls.add("wake 18000+2000");
        assertThat(port.calls()).isEqualTo(calls);
        assertThat(loop.latencies().of(Latencies.Need.CONTENT).sum())
                .isEqualTo((3 * 80 + 4 * 160 + 2 * 200) * MICROSECOND);
    }

    @Test
    void whatIsThereIsWokenWhenTheAddressSpaceChangesAndTheRestWaits() {
        faults(8);
        InstallResult done = new InstallResult.Complete(4096);
        port.answer(done, done, new InstallResult.Changing());

        loop.round();

        List<String> calls = new ArrayList<>(expected(0, 3, " asleep"));
        calls.add("wake 10000+3000");
        assertThat(port.calls()).isEqualTo(calls);
        assertThat(loop.hasWaiting()).isTrue();
        assertThat(loop.latencies().count()).isEqualTo(2);
        loop.round();
        assertThat(port.calls()).as("six are left").isEqualTo(expected(2, 8, ""));
        assertThat(loop.latencies().count()).isEqualTo(8);
    }

    @Test
    void aPageThatIsThereAlreadyIsWokenAtOnceAndAGoneGuestEndsIt() {
        faults(8);
        port.answer(new InstallResult.AlreadyPresent(), new InstallResult.Gone());

        loop.round();

        assertThat(port.calls()).startsWith("copy asleep 10000+1000", "wake 10000+1000", "copy asleep 11000+1000");
        assertThat(loop.isGone()).isTrue();
        assertThat(loop.hasWaiting()).isFalse();
    }

    @Test
    void nobodyIsLeftAsleepByADefect() {
        faults(8);
        int[] calls = {0};
        port.beforeInstall(() -> {
            if (calls[0]++ == 5) {
                throw new IllegalStateException("a defect");
            }
        });

        assertThatThrownBy(loop::round).hasMessage("a defect");

        assertThat(port.calls()).last().isEqualTo("wake 10000+6000");
    }

    /** Of so many vCPUs others wait in between whose messages are not read yet: they are not woken for nothing. */
    @Test
    void veryManyAreWokenOneByOne() {
        faults(64);

        loop.round();

        assertThat(port.calls()).isEqualTo(expected(0, 64, ""));
    }

    @Test
    void pagesWhoseWritesAreTrackedAreInstalledProtected() {
        try (DirtyPages dirty = DirtyPages.anonymous(PAGES)) {
            loop.close();
            loop = loop(dirty);
            faults(8);

            loop.round();

            assertThat(port.calls())
                    .startsWith("copy protected asleep 10000+1000")
                    .endsWith("copy protected asleep 17000+1000", "wake 10000+8000");
        }
    }
}
