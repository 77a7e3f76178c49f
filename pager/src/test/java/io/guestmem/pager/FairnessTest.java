package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What one VM does, or what is done to it, leaves the others alone. Nothing here measures time. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FairnessTest {
    private static final int PAGES = 1024;
    private static final int HOLE_EVERY = 5;

    /** Faults of the storm for each of the quiet VM, on average: a fair share is some ten. */
    private static final long MOST_FOR_EACH = 200;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;

    @BeforeEach
    void makeSnapshot() throws IOException {
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    @Test
    void aVmBesideAStormIsServedAlongWithIt() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                MockVmmProcess storm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY);
                MockVmmProcess quiet = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            CompletableFuture<String> endless = storm.order("run 1 16 1000000000");
            while (faults(server, 1) < PAGES) {
                Thread.onSpinWait();
            }
            long before = faults(server, 1);

            quiet.expectOk("read 0 " + PAGES);

            long stormy = faults(server, 1) - before;
            assertThat(faults(server, 2)).isEqualTo(PAGES);
            assertThat(stormy / PAGES)
                    .as("faults of the storm for each, " + stormy)
                    .isLessThan(MOST_FOR_EACH);
            assertThat(endless).as("the storm goes on").isNotDone();
        }
    }

    private static long faults(TestServer server, int vm) {
        return server.server().control().status().stream()
                .filter(status -> status.vm() == vm)
                .mapToLong(status -> status.served().faults)
                .sum();
    }

    @Test
    void aVmWhoseThreadIsHeldUpHoldsUpNobodyElse() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch letGo = new CountDownLatch(1);
        ServerOptions options = ServerOptions.of(socket, snapshot).onFailure(FailurePolicy.HANG);
        try (TestServer server = TestServer.start(options, event -> hold(event, held, letGo));
                MockVmmProcess first = MockVmmProcess.start(socket, PAGES + 1, HOLE_EVERY);
                MockVmmProcess second = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            CompletableFuture<String> waits = first.order("read " + PAGES + " 1");
            assertThat(held.await(60, TimeUnit.SECONDS)).isTrue();
            try {
                second.expectOk("run 3 4 2000");
                second.expectOk("read 0 " + PAGES + " 4");
                try (MockVmmProcess third = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                    third.expectOk("read 0 " + PAGES + " 4");
                }
                server.await(Kind.DETACHED, 3);
                server.server().control().release(2);
                assertThat(waits).isNotDone();
            } finally {
                letGo.countDown();
            }
        }
    }

    private static void hold(ServerEvent event, CountDownLatch held, CountDownLatch letGo) {
        if (event.kind() == Kind.FAILED) {
            held.countDown();
            awaitQuietly(letGo);
        }
    }

    static void awaitQuietly(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void aVmThatIsHeldUpWhileItIsPrefetchedKeepsNoTurnFromOthers() throws Exception {
        Semaphore turns = new Semaphore(1);
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch letGo = new CountDownLatch(1);
        ScriptedPort heldUp = new ScriptedPort();
        heldUp.beforeInstall(() -> {
            held.countDown();
            awaitQuietly(letGo);
        });
        Thread first = Thread.ofPlatform().name("held up").daemon().start(() -> sweep(heldUp, turns));
        assertThat(held.await(60, TimeUnit.SECONDS)).isTrue();
        try {
            assertThat(turns.availablePermits()).isZero();
            assertThat(sweep(new ScriptedPort(), turns)).isEqualTo(PAGES);
        } finally {
            letGo.countDown();
            ServedVm.join(first);
        }
        assertThat(turns.availablePermits()).as("turns are given back").isEqualTo(1);
    }

    private long sweep(ScriptedPort port, Semaphore turns) {
        GuestMap map = new GuestMap(List.of(new Region(1 << 20, PAGES * 4096L, 0, 4096)));
        try (SnapshotFiles source = SnapshotFiles.open(snapshot, List.of());
                PageStates states = PageStates.anonymous(PAGES);
                Prefetcher prefetcher = new Prefetcher(new Guest(map, states, source, port), turns, new Counters())) {
            return prefetcher.sweep(true);
        }
    }
}
