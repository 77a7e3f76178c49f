package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.Errno;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.OpenMode;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every answer of the kernel and every race, on a scripted kernel.
 *
 * <pre>{@code
 * page      0      1      2      3      4 ... 15     16 ...
 * address   10000  11000  12000  13000               not of the guest
 * snapshot  data   data   data   hole   data
 * }</pre>
 */
class FaultLoopTest {
    private static final int PAGES = 16;
    private static final long BASE = 0x10000;
    private static final InstallResult AGAIN = new InstallResult.Changing();
    private static final InstallResult EXISTS = new InstallResult.AlreadyPresent();

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> reports = new ArrayList<>();
    private final Counters counters = new Counters();
    private final PageStates states = PageStates.anonymous(PAGES);
    private SnapshotFiles source;
    private Guest guest;
    private FaultLoop loop;
    private long now;

    private final GuestReport report = new Reports(reports);

    @BeforeEach
    void makeGuest() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES, page -> page != 3);
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
        GuestMap map = new GuestMap(List.of(new Region(BASE, PAGES * 4096L, 0, 4096)));
        guest = new Guest(map, states, source, port);
        loop = loop(FailurePolicy.POISON);
    }

    private FaultLoop loop(FailurePolicy policy) {
        return new FaultLoop(guest, policy, report, () -> now, counters);
    }

    @AfterEach
    void close() {
        loop.close();
        source.close();
        states.close();
    }

    private void fault(long address) {
        port.batch().fault(address).pending();
        loop.round();
    }

    @Test
    void aFaultIsServedFromTheSnapshotAndAHoleIsZeroWithoutBeingRead() {
        fault(0x11000);
        fault(0x13abc);

        assertThat(port.calls()).containsExactly("copy 11000+1000", "zero 13000+1000");
        assertThat(states.get(1)).isEqualTo(PageStates.PRESENT);
        assertThat(loop.hasWaiting()).isFalse();
    }

    @Test
    void removalsOfABatchComeBeforeItsFaults() {
        port.batch().fault(0x11000).remove(0x10000, 0x12000).pending();

        loop.round();

        assertThat(port.calls()).containsExactly("zero 11000+1000");
        assertThat(states.get(0)).isEqualTo(PageStates.REMOVED);
        assertThat(counters.removed).isEqualTo(2);
    }

    @Test
    void allBatchesAreReadBeforeAnythingIsInstalled() {
        ScriptedPort.Batch full = port.batch();
        for (int i = 0; i < 64; i++) {
            full.fault(0x11000);
        }
        full.pending();
        port.batch().remove(0x11000, 0x12000).pending();

        loop.round();

        assertThat(port.calls()).as("once, and zero").containsExactly("zero 11000+1000");
    }

    @Test
    void aPresentPageThatIsMissingWasRemoved() {
        fault(0x11000);
        fault(0x11000);

        assertThat(port.calls()).containsExactly("copy 11000+1000", "zero 11000+1000");
    }

    @Test
    void whileTheAddressSpaceChangesThePageWaitsAndTheRemovalThatComesCounts() {
        port.answer(AGAIN);
        fault(0x11000);
        assertThat(loop.hasWaiting()).isTrue();
        assertThat(states.get(1)).isEqualTo(PageStates.NONE);

        port.batch().remove(0x11000, 0x12000).pending();
        loop.round();

        assertThat(port.calls()).containsExactly("copy 11000+1000", "zero 11000+1000");
        assertThat(loop.hasWaiting()).isFalse();
        assertThat(reports).isEmpty();
    }

    @Test
    void theTriesAreBoundedByTimeAndNotByNumber() {
        port.answer(AGAIN);
        fault(0x11000);
        for (int i = 0; i < 10_000; i++) {
            port.answer(AGAIN);
            loop.round();
        }
        assertThat(reports).isEmpty();

        now = FaultLoop.CHANGING_LIMIT_NANOS + 1;
        port.answer(AGAIN);
        loop.round();

        assertThat(reports).singleElement().asString().startsWith("POISON at 1000: EAGAIN");
    }

    @Test
    void thePauseBetweenTriesGrowsToTwoMilliseconds() {
        assertThat(loop.pause()).isEqualTo(50_000);
        assertThat(loop.pause()).isEqualTo(100_000);
        for (int i = 0; i < 10; i++) {
            loop.pause();
        }
        assertThat(loop.pause()).isEqualTo(2_000_000);
    }

    @Test
    void aPageThatIsThereAlreadyIsWoken() {
        port.answer(EXISTS);
        fault(0x11000);

        assertThat(port.calls()).containsExactly("copy 11000+1000", "wake 11000+1000");
        assertThat(states.get(1)).isEqualTo(PageStates.PRESENT);
    }

    @Test
    void whereNothingIsRegisteredTheFaultIsDropped() {
        port.answer(new InstallResult.NotRegistered());
        fault(0x11000);

        assertThat(loop.hasWaiting()).isFalse();
        assertThat(reports).containsExactly("a fault where nothing is registered");
    }

    @Test
    void aProcessThatIsGoneEndsIt() {
        port.answer(new InstallResult.Gone());
        port.batch().fault(0x11000).fault(0x12000).pending();

        loop.round();

        assertThat(loop.isGone()).isTrue();
        assertThat(loop.hasWaiting()).isFalse();
    }

    @Test
    void memoryThatIsShortGetsASecondChance() {
        port.answer(new InstallResult.OutOfMemory());
        fault(0x11000);
        assertThat(loop.hasWaiting()).isTrue();

        now = 10_000_000;
        port.answer(new InstallResult.OutOfMemory());
        loop.round();

        assertThat(reports).singleElement().asString().startsWith("POISON at 1000: ENOMEM");
        assertThat(port.calls()).containsExactly("copy 11000+1000", "copy 11000+1000", "poison 11000+1000");
    }

    @Test
    void contentThatCannotBeReadIsPoisonAndNeverZero() {
        port.answer(new InstallResult.Refused(Errno.EFAULT));
        fault(0x11000);

        assertThat(port.calls()).containsExactly("copy 11000+1000", "poison 11000+1000");
        assertThat(reports).singleElement().asString().startsWith("POISON at 1000: EFAULT (14)");
        assertThat(states.get(1)).isEqualTo(PageStates.NONE);
    }

    @Test
    void aKernelThatCannotPoisonLeavesKilling() {
        port.answer(new InstallResult.Refused(Errno.EFAULT), new InstallResult.Refused(Errno.EINVAL));
        fault(0x11000);

        assertThat(reports).singleElement().asString().startsWith("KILL at 1000");
    }

    @Test
    void poisonWaitsToo() {
        port.answer(new InstallResult.Refused(Errno.EFAULT), AGAIN);
        fault(0x11000);
        assertThat(loop.hasWaiting()).isTrue();

        port.answer(new InstallResult.Refused(Errno.EFAULT));
        loop.round();

        assertThat(port.calls()).endsWith("copy 11000+1000", "poison 11000+1000");
        assertThat(loop.hasWaiting()).isFalse();
    }

    @Test
    void hangingDoesNothingAndSaysSo() {
        loop = loop(FailurePolicy.HANG);
        port.answer(new InstallResult.Refused(Errno.EFAULT));
        fault(0x11000);

        assertThat(port.calls()).containsExactly("copy 11000+1000");
        assertThat(reports).singleElement().asString().startsWith("HANG at 1000");
        assertThat(loop.hasWaiting()).isFalse();
    }

    @Test
    void aSnapshotThatShrankIsNoticedBeforeThePageIsRead() {
        try (FileDescriptor file = FileDescriptor.open(directory.resolve("memory"), OpenMode.READ_WRITE)) {
            file.truncate(4096 + 10);
        }
        port.batch().fault(0x10000).fault(0x11000).pending();

        loop.round();

        assertThat(port.calls()).containsExactly("copy 10000+1000", "poison 11000+1000");
        assertThat(reports).hasSize(2).first().isEqualTo("shrunk");
    }

    @Test
    void memoryWithoutAZeroPageGetsACopyOfZeroes() {
        port.answer(new InstallResult.Refused(Errno.EINVAL));
        fault(0x13000);

        assertThat(port.calls()).containsExactly("zero 13000+1000", "copy 13000+1000");
    }

    @Test
    void whatShouldNotComeIsSaidAndSurvived() {
        port.batch().fault(0x99000).event(0x14).fault(0x11000).pending();

        loop.round();

        assertThat(reports).containsExactly("an event of kind 20", "a fault outside of the regions");
        assertThat(port.calls()).containsExactly("copy 11000+1000");
    }

    @Test
    void aRemovalThatADeadServerHadReadIsApplied() {
        port.batch().remove(0x11000, 0x13000).left();

        loop.resume();
        fault(0x11000);

        assertThat(port.calls()).containsExactly("wake 10000+10000", "zero 11000+1000");
        assertThat(states.get(2)).isEqualTo(PageStates.REMOVED);
    }

    @Test
    void releasingUnregistersAndReadsWhatIsStillPending() {
        port.batch().remove(0x11000, 0x12000).pending();

        loop.release();

        assertThat(port.calls()).containsExactly("unregister 10000+10000");
        assertThat(states.get(1)).isEqualTo(PageStates.REMOVED);
    }

    @Test
    void aheadGoesInPiecesAndOverWhatIsThere() {
        states.set(2, PageStates.REMOVED);
        port.answer(new InstallResult.Partial(4096), EXISTS);

        long reached = prefetcher().sweep(true);

        assertThat(reached).isEqualTo(PAGES);
        assertThat(port.calls())
                .containsExactly(
                        "copy 10000+2000", "copy 11000+1000", "wake 11000+1000", "zero 13000+1000", "copy 14000+c000");
        assertThat(states.get(2)).isEqualTo(PageStates.REMOVED);
        assertThat(states.nextOther(3, PAGES, PageStates.PRESENT)).isEqualTo(PAGES);
    }

    @Test
    void aheadTriesAgainAndSkipsWhatItCannotHave() {
        port.answer(AGAIN, AGAIN, new InstallResult.Refused(Errno.EFAULT));

        long reached = prefetcher().sweep(false);

        assertThat(reached).as("the first that is missing").isZero();
        assertThat(port.calls())
                .containsExactly(
                        "copy 10000+3000", "copy 10000+3000", "copy 10000+3000", "copy 11000+2000", "copy 14000+c000");
        assertThat(states.get(0)).isEqualTo(PageStates.NONE);
    }

    @Test
    void aheadGivesUpWhereMemoryIsShortOrTheProcessGone() {
        port.answer(new InstallResult.OutOfMemory());
        assertThat(prefetcher().sweep(true)).isEqualTo(-1);
        port.answer(new InstallResult.Gone());
        assertThat(prefetcher().sweep(true)).isEqualTo(-1);
    }

    private Prefetcher prefetcher() {
        return new Prefetcher(guest, new Semaphore(1), counters);
    }

    @Test
    void largePagesAreCopiedWholeHoweverTheirContentLies() throws Exception {
        long large = 2 << 20;
        Path memory = directory.resolve("large");
        Pattern.write(memory, 3 * 512, page -> page < 512 || page == 700);
        try (SnapshotFiles layered = SnapshotFiles.open(memory, List.of());
                PageStates few = PageStates.anonymous(4)) {
            GuestMap map = new GuestMap(List.of(new Region(large, 3 * large, 0, large)));
            FaultLoop served = new FaultLoop(
                    new Guest(map, few, layered, port), FailurePolicy.POISON, report, () -> now, counters);
            port.batch()
                    .fault(large + 5)
                    .fault(2 * large + 0x1234)
                    .fault(3 * large)
                    .pending();

            served.round();

            assertThat(port.calls()).containsExactly("copy 200000+200000", "copy 400000+200000", "copy 600000+200000");
            served.close();
        }
    }
}
