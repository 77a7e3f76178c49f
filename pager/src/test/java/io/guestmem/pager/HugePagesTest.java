package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.workingset.Packing;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** VMMs whose memory is of pages of 2 MiB of hugetlbfs. They check every byte; pages are counted in 4096 bytes. */
class HugePagesTest {
    private static final int HUGE = 8;
    private static final int PAGES = HUGE * HugePages.SMALL;
    private static final int HOLE_EVERY = 5;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;

    @BeforeEach
    void makeSnapshot() throws IOException {
        try {
            Userfaultfd.open(FaultScope.USER_AND_KERNEL).close();
        } catch (LinuxException refused) {
            Assumptions.abort("no userfaultfd on this machine: " + refused.getMessage());
        }
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    private MockVmmProcess vmm() throws Exception {
        return MockVmmProcess.start(socket, PAGES, HOLE_EVERY, HugePages.SIZE);
    }

    @Test
    void everyPageIsServedWithOneFaultAndIsZeroAfterItWasGivenBack() throws Exception {
        try (HugePages _ = HugePages.free(HUGE);
                TestServer server = TestServer.start(ServerOptions.of(socket, snapshot))) {
            try (MockVmmProcess vmm = vmm()) {
                vmm.expectOk("read 0 " + PAGES);
                vmm.expectOk("remove 1024 1024");
                vmm.expectOk("read 0 " + PAGES + " 2");
                vmm.expectOk("write 1030 4");
                vmm.expectOk("run 3 2 2000");
                vmm.expectOk("read 0 " + PAGES + " 2");
            }
            assertThat(server.await(Kind.DETACHED, 1).numbers()).containsEntry("failed", 0L);
            assertThat(server.events())
                    .extracting(ServerEvent::kind)
                    .doesNotContain(Kind.FAILED, Kind.REFUSED, Kind.WARNING);
        }
    }

    @Test
    void aPoolThatIsTooSmallIsSaidWhenTheVmConnectsAndThePolicyHoldsForWhatItHasNoPageFor() throws Exception {
        ServerOptions options = ServerOptions.of(socket, snapshot)
                .onFailure(FailurePolicy.POISON)
                .prefetching();
        try (HugePages _ = HugePages.free(HUGE - 2);
                TestServer server = TestServer.start(options);
                MockVmmProcess vmm = vmm()) {
            assertThat(server.await(Kind.WARNING, 1).text())
                    .isEqualTo("its memory is 8 huge pages of 2097152 bytes, and 6 can be had"
                            + " (free 6, promised to others 0, more 0)");
            server.await(Kind.WARNING, 1, "prefetching ended: ENOMEM");
            vmm.expectOk("read 0 " + 6 * HugePages.SMALL + " 2");

            CompletableFuture<String> seventh = vmm.order("read " + 6 * HugePages.SMALL + " 1");

            assertThat(seventh.get(60, TimeUnit.SECONDS)).startsWith("page 3072: read -");
            assertThat(server.await(Kind.FAILED, 1).text()).startsWith("ENOMEM").endsWith("the page is poisoned");
            vmm.expectOk("remove 0 512");
            vmm.expectOk("read " + 7 * HugePages.SMALL + " 1");
            assertThat(List.of(HugePages.free()))
                    .as("it got the page that was given back")
                    .containsExactly(0L);
        }
    }

    private ServerOptions tracking() {
        return ServerOptions.of(socket, snapshot).serving(ServingOptions.DEFAULT.trackingDirty());
    }

    @Test
    void aDiffHasTheHugePagesThatWereWrittenAsAWhole() throws Exception {
        Path diff = directory.resolve("diff");
        Path second = directory.resolve("second");
        try (HugePages _ = HugePages.free(HUGE);
                TestServer server = TestServer.start(tracking());
                MockVmmProcess vmm = vmm()) {
            vmm.expectOk("read 0 " + PAGES);
            vmm.expectOk("write 700 3");
            vmm.expectOk("remove 1536 512");
            vmm.expectOk("remove 2048 512");
            vmm.expectOk("read 2050 1");
            vmm.expectOk("write 2051 1");

            DiffSnapshot written = server.server().control().writeDiff(1, diff);
            assertThat(written.pages()).as("1, 3 and 4").isEqualTo(3);
            assertThat(written.zeroPages()).as("3 is not there").isEqualTo(1);
            assertThat(DiffTest.dataOf(diff, PAGES)).containsExactly("512-1024", "1536-2560");

            vmm.expectOk("write 3000 1");
            vmm.expectOk("write 701 1");
            assertThat(server.server().control().writeDiff(1, second).pages()).isEqualTo(2);
            assertThat(DiffTest.dataOf(second, PAGES)).containsExactly("512-1024", "2560-3072");
            assertThat(server.events())
                    .extracting(ServerEvent::kind)
                    .doesNotContain(Kind.FAILED, Kind.REFUSED, Kind.WARNING);
        }
        ServerOptions restored = ServerOptions.of(socket, second).over(List.of(snapshot, diff));
        try (HugePages _ = HugePages.free(HUGE);
                TestServer _ = TestServer.start(restored);
                MockVmmProcess vmm = vmm()) {
            vmm.expectOk("expect 700 3 2");
            vmm.expectOk("expect 701 1 3");
            vmm.expectOk("expect 1536 1024 0");
            vmm.expectOk("expect 2051 1 2");
            vmm.expectOk("expect 3000 1 2");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
    }

    @Test
    void whatWasPrefetchedIsTrackedAndADiffIsOfOneMomentWhileTheGuestWrites() throws Exception {
        try (HugePages _ = HugePages.free(HUGE);
                TestServer server = TestServer.start(tracking().prefetching());
                MockVmmProcess vmm = vmm()) {
            server.await(Kind.PREFETCHED, 1);
            Path before = directory.resolve("before");
            assertThat(server.server().control().writeDiff(1, before).pages()).isZero();
            vmm.expectOk("write 0 " + PAGES);
            List<CompletableFuture<String>> steps = vmm.orders(
                    IntStream.range(0, 12).mapToObj(_ -> "write 0 " + PAGES).toList());
            for (int cut = 0; cut < 3; cut++) {
                Path file = directory.resolve("moment-" + cut);
                long pages = server.server().control().writeDiff(1, file).pages();
                DiffTest.checkStairs(file, PAGES);
                assertThat(pages).isLessThanOrEqualTo(HUGE);
            }
            for (CompletableFuture<String> step : steps) {
                assertThat(step.get(60, TimeUnit.SECONDS)).isEqualTo("ok");
            }
            vmm.expectOk("run 3 2 2000");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
    }

    @Test
    void aSuccessorServesAndTracksOn() throws Exception {
        Path state = directory.resolve("state");
        Path diff = directory.resolve("diff");
        try (HugePages _ = HugePages.free(HUGE);
                MockVmmProcess vmm = ofAServerThatEnded(state);
                TestServer second =
                        TestServer.start(ServerOptions.of(socket, snapshot).state(state, false))) {
            vmm.expectOk("write 3000 1");
            vmm.expectOk("read 0 " + PAGES + " 2");

            second.server().control().writeDiff(1, diff);

            assertThat(DiffTest.dataOf(diff, PAGES)).containsExactly("0-512", "1536-2048", "2560-3072");
            assertThat(second.server().drain()).isTrue();
            vmm.expectOk("write 0 " + PAGES + " 2");
        }
    }

    private MockVmmProcess ofAServerThatEnded(Path state) throws Exception {
        try (TestServer _ = TestServer.start(tracking().state(state, false))) {
            MockVmmProcess vmm = vmm();
            vmm.expectOk("read 0 2000");
            vmm.expectOk("write 10 5");
            vmm.expectOk("remove 1536 512");
            return vmm;
        }
    }

    @Test
    void aWorkingSetIsReplayedIntoHugePagesWhateverPagesItWasRecordedWith() throws Exception {
        Path small = record(MappedMemory.PAGE_SIZE, "read 5 1", "read 2100 3", "write 1030 1");
        Path huge = record(HugePages.SIZE, "read 5 1", "read 2100 3", "write 1030 1");
        Path packed = directory.resolve("packed");
        Packing.write(packed, WorkingSetFile.read(huge).set(), snapshot, List.of());
        for (Path set : List.of(small, huge, packed)) {
            ServerOptions options =
                    ServerOptions.of(socket, snapshot).workingSet(WorkingSetOptions.NONE.replaying(set, 0));
            try (HugePages _ = HugePages.free(HUGE);
                    TestServer server = TestServer.start(options)) {
                try (MockVmmProcess vmm = vmm()) {
                    assertThat(server.await(Kind.REPLAYED, 1).numbers())
                            .as(set.toString())
                            .containsEntry("planned", 3L)
                            .containsEntry("installed", 3L);
                    assertThat(HugePages.free()).isEqualTo(HUGE - 3);
                    vmm.expectOk("read 0 512");
                    vmm.expectOk("write 1024 512");
                    vmm.expectOk("read 2048 512");
                    vmm.expectOk("read 600 1");
                }
                assertThat(server.await(Kind.DETACHED, 1).numbers())
                        .as(set + ": only the page that it does not have")
                        .containsEntry("faults", 1L);
                assertThat(server.await(Kind.REPLAY_REPORT, 1).numbers()).containsEntry("missed", 1L);
            }
        }
    }

    /** Lets a VM with pages of this size do these things and records it. */
    private Path record(long pageSize, String... orders) throws Exception {
        Path file = directory.resolve("set-" + pageSize);
        ServerOptions options = ServerOptions.of(socket, snapshot)
                .workingSet(WorkingSetOptions.NONE.recording(file, Duration.ZERO, Duration.ZERO));
        try (HugePages _ = HugePages.free(HUGE);
                TestServer server = TestServer.start(options)) {
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY, pageSize)) {
                for (String order : orders) {
                    vmm.expectOk(order);
                }
            }
            server.await(Kind.RECORDED, 1);
        }
        assertThat(WorkingSetFile.read(file).set().memory().pageSize()).isEqualTo(pageSize);
        return file;
    }
}
