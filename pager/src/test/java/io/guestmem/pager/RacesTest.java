package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.Errno;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.UserfaultfdEvents;
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
 * The races between a guest, its VMM, the kernel and the server, and the test that provokes each. Those without a class are
 * here; {@code FaultLoop} and {@code Ahead} script the kernel, the others have VMMs in processes of their own.
 *
 * <pre>{@code
 *  1 a removal is unread: EAGAIN           FaultLoopTest.whileTheAddressSpaceChangesThePageWaitsAndTheRemovalThatComesCounts
 *                                          FaultLoopTest.theTriesAreBoundedByTimeAndNotByNumber
 *  2 a fault before an earlier removal     FaultLoopTest.removalsOfABatchComeBeforeItsFaults
 *                                          FaultLoopTest.allBatchesAreReadBeforeAnythingIsInstalled
 *  3 prefetch resurrects a removed page    nothingIsInstalledAheadBetweenReadingARemovalAndMarkingIt
 *  4 a removed page is touched again       FaultLoopTest.aPresentPageThatIsMissingWasRemoved
 *                                          PageServerTest.aRemovedPageIsZeroWhateverTheSnapshotHas
 *                                          RemovedPiecesTest.aPieceIsLetGoWhenItsLastPageIsGivenBackInWhateverOrder
 *                                          RemovedPiecesTest.aProcessThatMayHaveNoMoreMappingsIsNotAskedAgain
 *                                          RemovedPiecesTest.theKernelFillsWhatWasLetGoAndAsksNobody
 *                                          HugePagesTest.everyPageIsServedWithOneFaultAndIsZeroAfterItWasGivenBack
 *  5 two install a page: EEXIST            FaultLoopTest.aPageThatIsThereAlreadyIsWoken
 *  6 a copy in part                        FaultLoopTest.aheadGoesInPiecesAndOverWhatIsThere
 *  7 many touch one page                   FaultLoopTest.allBatchesAreReadBeforeAnythingIsInstalled
 *  8 a range is not one mapping: ENOENT    aRangeThatIsNotOneMappingIsInstalledPageByPage
 *                                          FaultLoopTest.whereNothingIsRegisteredTheFaultIsDropped
 *  9 the VM ends, whenever                 HostilePeersTest.vmsThatEndInTheMiddleOfEverythingLeaveNothingOpen
 *                                          FaultLoopTest.aProcessThatIsGoneEndsIt
 * 10 the server dies, whenever             RecoveryTest.aSuccessorTakesTheVmBackWheneverTheServerIsKilled
 *                                          FaultLoopTest.aRemovalThatADeadServerHadReadIsApplied
 * 11 the last descriptor closes: zeroes    PageServerTest.drainingGivesAVmAllOfItsMemoryAndLetsItGo
 *                                          RecoveryTest.whoConnectsAfterwardsIsServedByTheSuccessorToo
 * 12 the source fails                      FaultLoopTest.contentThatCannotBeReadIsPoisonAndNeverZero
 *                                          SourceRetriesTest.aPageThatCannotBeReadIsTriedAgainAndAllOthersAreServedMeanwhile
 *                                          SourceRetriesTest.pausesDoubleAtRandomAndThePolicyHoldsWhenTheBudgetIsUsedUp
 * 13 the file becomes shorter              FaultLoopTest.aSnapshotThatShrankIsNoticedBeforeThePageIsRead
 *                                          PageServerTest.aSnapshotThatShrinksPoisonsThePagesThatItLost
 * 14 the VM's memory limit is reached      whereTheVmMayHaveNoMorePagesPrefetchingEndsAndDemandGoesOn
 *                                          MemoryAllowanceTest.prefetchingEndsWhereTheLimitIsNearAndDemandGoesOn
 * 15 the hugetlb pool is empty             anEmptyPoolOfLargePagesEndsPrefetchingAndThePolicyHoldsForDemand
 *                                          anEmptyPoolThatAnswersThatThePageIsThereIsAnEmptyPool
 *                                          HugePagesTest.aPoolThatIsTooSmallIsSaidWhenTheVmConnectsAndThePolicyHolds...
 * 16 write-protection                     DirtyTrackingTest.whatIsReadIsProtectedAndWhatIsWrittenIsMarkedBeforeItIsAllowed
 *                                          DirtyTrackingTest.aRemovalIsAWriteOfZeroes
 *                                          DirtyTrackingTest.nobodyWritesUntilAllPagesOfTheCutAreProtected
 *                                          DiffTest.aDiffThatIsWrittenWhileTheGuestWritesIsOfOneMoment
 * 17 huge pages of what is not whole       CollapseTest.onlyPiecesOfWhichEveryPageIsThereAreTried
 *                                          CollapseTest.aGuestWhoseWritesAreTrackedKeepsItsPages
 * 18 signals, events nobody asked for      aSignalInTheMiddleOfACallIsNoAnswer
 *                                          whatTheVmmUnmapsIsNeverInstalledAgain
 *                                          FaultLoopTest.whatShouldNotComeIsSaidAndSurvived
 *                                          aVmmThatMakesItsDescriptorBlockHoldsUpNobody
 * }</pre>
 */
class RacesTest {
    private static final int PAGES = 16;
    private static final long BASE = 0x10000;
    private static final long LARGE = 2 << 20;

    @TempDir
    private Path directory;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> reports = new ArrayList<>();
    private final Counters served = new Counters();
    private final Counters ahead = new Counters();
    private PageStates states = PageStates.anonymous(PAGES);
    private SnapshotFiles source;
    private Guest guest;
    private FaultLoop loop;
    private long now;

    @BeforeEach
    void makeGuest() throws Exception {
        Pattern.write(directory.resolve("memory"), PAGES, _ -> true);
        source = SnapshotFiles.open(directory.resolve("memory"), List.of());
        GuestMap map = new GuestMap(List.of(new Region(BASE, PAGES * 4096L, 0, 4096)));
        guest = new Guest(map, states, source, port);
        loop = loop();
    }

    private FaultLoop loop() {
        return new FaultLoop(guest, FailurePolicy.POISON, new Reports(reports), () -> now, served);
    }

    private Prefetcher prefetcher() {
        return new Prefetcher(guest, new Semaphore(1), ahead);
    }

    @AfterEach
    void close() {
        loop.close();
        source.close();
        states.close();
    }

    @Test
    void nothingIsInstalledAheadBetweenReadingARemovalAndMarkingIt() {
        Thread installer = Thread.ofPlatform().name("installer").daemon().unstarted(() -> {
            try (Prefetcher prefetcher = prefetcher()) {
                prefetcher.sweep(true);
            }
        });
        port.batch().remove(0x10000, 0x18000).pending();
        port.behindRead(() -> {
            port.behindRead(() -> {});
            installer.start();
            while (installer.getState() != Thread.State.WAITING && installer.isAlive()) {
                Thread.onSpinWait();
            }
            assertThat(port.calls())
                    .as("the removal is read and not yet marked")
                    .isEmpty();
        });

        loop.round();
        ServedVm.join(installer);

        assertThat(port.calls()).containsExactly("copy 18000+8000");
        assertThat(states.nextOther(0, PAGES, PageStates.REMOVED)).isEqualTo(8);
    }

    @Test
    void aRangeThatIsNotOneMappingIsInstalledPageByPage() {
        InstallResult none = new InstallResult.NotRegistered();
        InstallResult page = new InstallResult.Complete(4096);
        port.answer(none, page, page, none, page);

        try (Prefetcher prefetcher = prefetcher()) {
            assertThat(prefetcher.sweep(true)).as("nothing is missing").isEqualTo(PAGES);
        }

        assertThat(port.calls())
                .startsWith("copy 10000+10000", "copy 10000+1000", "copy 11000+1000", "copy 12000+1000")
                .endsWith("copy 1f000+1000")
                .hasSize(1 + PAGES);
        assertThat(states.get(2)).as("the page that is not mapped").isEqualTo(PageStates.REMOVED);
        assertThat(states.nextOther(3, PAGES, PageStates.PRESENT)).isEqualTo(PAGES);
    }

    @Test
    void whereTheVmMayHaveNoMorePagesPrefetchingEndsAndDemandGoesOn() {
        port.answer(new InstallResult.Partial(2 * 4096), new InstallResult.OutOfMemory());
        try (Prefetcher prefetcher = prefetcher()) {
            assertThat(prefetcher.sweep(true)).isEqualTo(-1);
        }
        assertThat(states.nextOther(0, PAGES, PageStates.PRESENT)).isEqualTo(2);

        port.answer(new InstallResult.OutOfMemory());
        port.batch().fault(0x15000).pending();
        loop.round();
        assertThat(loop.hasWaiting()).as("tries again").isTrue();
        loop.round();

        assertThat(loop.hasWaiting()).isFalse();
        assertThat(states.get(5)).isEqualTo(PageStates.PRESENT);
        assertThat(reports).isEmpty();
    }

    @Test
    void anEmptyPoolOfLargePagesEndsPrefetchingAndThePolicyHoldsForDemand() throws Exception {
        Pattern.write(directory.resolve("large"), 1024, _ -> true);
        states.close();
        states = PageStates.anonymous(2);
        try (SnapshotFiles large = SnapshotFiles.open(directory.resolve("large"), List.of())) {
            GuestMap map = new GuestMap(List.of(new Region(LARGE, 2 * LARGE, 0, LARGE)));
            guest = new Guest(map, states, large, port);
            loop.close();
            loop = loop();
            InstallResult empty = new InstallResult.OutOfMemory();
            port.answer(empty);
            try (Prefetcher prefetcher = prefetcher()) {
                assertThat(prefetcher.sweep(true)).isEqualTo(-1);
            }
            port.answer(empty, empty);
            port.batch().fault(LARGE + 77).pending();

            loop.round();
            now = 10_000_000;
            loop.round();

            assertThat(port.calls())
                    .containsExactly(
                            "copy 200000+200000", "copy 200000+200000", "copy 200000+200000", "poison 200000+200000");
            assertThat(reports).singleElement().asString().startsWith("POISON at 0: ENOMEM");
        }
    }

    /** What Linux answers: neither is the page there, nor may it ever be taken for one that was given back. */
    @Test
    void anEmptyPoolThatAnswersThatThePageIsThereIsAnEmptyPool() throws Exception {
        Pattern.write(directory.resolve("large"), 512, _ -> true);
        states.close();
        states = PageStates.anonymous(1);
        try (SnapshotFiles large = SnapshotFiles.open(directory.resolve("large"), List.of())) {
            guest = new Guest(new GuestMap(List.of(new Region(LARGE, LARGE, 0, LARGE))), states, large, port);
            loop.close();
            loop = loop();
            port.present(false);
            port.answer(new InstallResult.AlreadyPresent());
            port.batch().fault(LARGE).pending();
            loop.round();
            assertThat(loop.hasWaiting()).isTrue();
            assertThat(states.get(0)).isEqualTo(PageStates.NONE);

            loop.round();
            assertThat(port.calls())
                    .as("somebody gave a page back")
                    .containsExactly("copy 200000+200000", "copy 200000+200000");

            port.present(true);
            port.answer(new InstallResult.AlreadyPresent());
            port.batch().fault(LARGE).pending();
            loop.round();
            assertThat(port.calls()).as("it is there").containsExactly("copy 200000+200000", "wake 200000+200000");
        }
    }

    @Test
    void aVmmThatMakesItsDescriptorBlockHoldsUpNobody() throws Exception {
        ServerOptions options = ServerOptions.of(directory.resolve("vm.sock"), directory.resolve("memory"));
        try (TestServer server = TestServer.start(options);
                MockVmmProcess vmm = MockVmmProcess.start(options.socket(), PAGES, 0)) {
            vmm.expectOk("read 0 2");
            vmm.expectOk("block");
            vmm.expectOk("read 2 4");
            assertThat(server.await(ServerEvent.Kind.WARNING, 1).text())
                    .isEqualTo("its userfaultfd was made one that blocks");
            vmm.expectOk("block");
            vmm.expectOk("remove 0 2");
            vmm.expectOk("read 0 8");

            assertThat(server.server().drain()).as("its thread ends").isTrue();
        }
    }

    @Test
    void aSignalInTheMiddleOfACallIsNoAnswer() {
        port.answer(new InstallResult.Refused(Errno.EINTR));
        port.batch().fault(0x11000).pending();

        loop.round();
        assertThat(loop.hasWaiting()).isTrue();
        loop.round();

        assertThat(port.calls()).containsExactly("copy 11000+1000", "copy 11000+1000");
        assertThat(reports).isEmpty();
    }

    @Test
    void whatTheVmmUnmapsIsNeverInstalledAgain() {
        port.batch()
                .unmap(0x10000, 0x1f000)
                .event(UserfaultfdEvents.FORK)
                .event(UserfaultfdEvents.REMAP)
                .pending();

        loop.round();
        try (Prefetcher prefetcher = prefetcher()) {
            assertThat(prefetcher.sweep(true)).isEqualTo(PAGES);
        }

        assertThat(port.calls()).containsExactly("copy 1f000+1000");
        assertThat(reports).containsExactly("an event of kind 19", "an event of kind 20");
    }
}
