package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.InstallResult;
import io.guestmem.linux.UserfaultfdEvent.PageFault;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
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
 * Which pages count as written, and how a moment is fixed, on a scripted kernel.
 *
 * <pre>{@code
 * page      0      1      2      3      4 ... 15
 * address   10000  11000  12000  13000
 * snapshot  data   data   data   hole   data
 * }</pre>
 */
class DirtyTrackingTest {
    private static final int PAGES = 16;
    private static final long BASE = 0x10000;
    private static final long WRITE = PageFault.WRITE;
    private static final long PROTECTED = PageFault.WRITE | PageFault.WRITE_PROTECT;

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> reports = new ArrayList<>();
    private final PageStates states = PageStates.anonymous(PAGES);
    private final DirtyPages dirty = DirtyPages.anonymous(PAGES);
    private SnapshotFiles source;
    private Guest guest;
    private FaultLoop loop;

    @BeforeEach
    void makeGuest() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES, page -> page != 3);
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
        GuestMap map = new GuestMap(List.of(new Region(BASE, PAGES * 4096L, 0, 4096)));
        guest = new Guest(map, states, source, port, dirty);
        loop = new FaultLoop(guest, FailurePolicy.POISON, new Reports(reports), () -> 0, new Counters());
    }

    @AfterEach
    void close() {
        loop.close();
        source.close();
        states.close();
        dirty.close();
    }

    private void fault(long address, long flags) {
        port.batch().fault(address, flags).pending();
        loop.round();
    }

    @Test
    void whatIsReadIsProtectedAndWhatIsWrittenIsMarkedBeforeItIsAllowed() {
        fault(0x11000, 0);
        fault(0x13000, 0);
        assertThat(port.calls())
                .as("the kernel's page of zeroes cannot be protected")
                .containsExactly("copy protected 11000+1000", "copy protected 13000+1000");
        assertThat(dirty.count()).isZero();

        fault(0x11000, PROTECTED);
        assertThat(port.calls()).containsExactly("allow 11000+1000");
        assertThat(dirty.count()).isEqualTo(1);

        fault(0x12000, WRITE);
        assertThat(port.calls()).as("one fault is enough").containsExactly("copy 12000+1000");
        assertThat(dirty.count()).isEqualTo(2);
    }

    @Test
    void whatIsInstalledAheadIsProtectedAndZeroesAreLeftToDemand() {
        try (Prefetcher prefetcher = new Prefetcher(guest, new Semaphore(1), new Counters())) {
            prefetcher.sweep(true);
        }

        assertThat(port.calls()).containsExactly("copy protected 10000+3000", "copy protected 14000+c000");
        assertThat(dirty.count()).isZero();
    }

    @Test
    void aRemovalIsAWriteOfZeroes() {
        port.batch().remove(0x11000, 0x13000).pending();
        loop.round();

        assertThat(dirty.count()).isEqualTo(2);
        DirtyCut cut = Objects.requireNonNull(loop.cut());
        assertThat(cut.pages()).isEqualTo(2);
        assertThat(cut.content(1)).isEqualTo(PageStates.REMOVED);
        assertThat(port.calls()).as("nothing is there").contains("protect 11000+2000");
    }

    @Test
    void nobodyWritesUntilAllPagesOfTheCutAreProtected() {
        fault(0x11000, WRITE);
        fault(0x14000, WRITE);
        port.calls();
        port.answer(new InstallResult.Complete(4096), new InstallResult.Changing());
        port.behindRead(() -> assertThat(port.calls()).doesNotContain("allow 11000+1000"));
        port.batch().pending();
        port.batch().fault(0x11000, PROTECTED).pending();

        DirtyCut cut = Objects.requireNonNull(loop.cut());

        assertThat(port.calls()).containsExactly("protect 14000+1000");
        assertThat(loop.hasWaiting()).as("the write to page 1").isTrue();
        loop.round();
        assertThat(port.calls()).as("not before it is copied").isEmpty();
        assertThat(cut.nextAsked()).isEqualTo(1);
        cut.copied(1, 2);
        fault(0x11000, PROTECTED);
        assertThat(port.calls()).containsExactly("allow 11000+1000");
    }

    @Test
    void aCutHasWhatWasWrittenSinceTheLastOneThatCameIntoItsFile() {
        fault(0x11000, WRITE);
        dirty.finished(Objects.requireNonNull(loop.cut()));
        fault(0x12000, WRITE);

        DirtyCut second = Objects.requireNonNull(loop.cut());
        assertThat(second.pages()).isEqualTo(1);
        assertThat(second.next(0, PAGES)).isEqualTo(2);
        dirty.failed(second);
        fault(0x14000, WRITE);

        assertThat(Objects.requireNonNull(loop.cut()).pages())
                .as("with those of the cut that failed")
                .isEqualTo(2);
    }

    @Test
    void aPageThatIsAboutToBeWrittenIsInTheNextCut() {
        port.answer(new InstallResult.Changing());
        fault(0x11000, WRITE);

        DirtyCut cut = Objects.requireNonNull(loop.cut());
        assertThat(cut.pages()).isZero();
        dirty.finished(cut);
        loop.round();

        assertThat(Objects.requireNonNull(loop.cut()).pages()).isEqualTo(1);
    }

    @Test
    void aPageThatIsGivenBackBeforeItIsCopiedLosesTheMoment() {
        fault(0x11000, WRITE);
        fault(0x12000, WRITE);
        DirtyCut cut = Objects.requireNonNull(loop.cut());
        cut.copied(1, 2);

        port.batch().remove(0x11000, 0x12000).pending();
        loop.round();
        assertThat(cut.lost()).as("it is copied").isNull();

        port.batch().remove(0x12000, 0x13000).pending();
        loop.round();
        assertThat(cut.lost()).isEqualTo("page 2 was given back before it was copied");
    }

    @Test
    void aVmmThatProtectsPagesByItselfWhileNobodyTracksThemIsAllowedToWrite() {
        guest = new Guest(guest.map(), states, source, port);
        loop.close();
        loop = new FaultLoop(guest, FailurePolicy.POISON, new Reports(reports), () -> 0, new Counters());

        fault(0x11000, PROTECTED);

        assertThat(port.calls()).containsExactly("allow 11000+1000");
    }
}
