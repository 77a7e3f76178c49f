package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.UserfaultfdFeature;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Threads that wait while nothing is resolved. Time is told, except with the real kernel. */
class WatchdogTest {
    private static final long BOUND = 1_000_000_000;

    private final List<ServerEvent> events = new ArrayList<>();
    private final Watchdog watchdog = new Watchdog(BOUND, events::add);
    private final Latencies latencies = new Latencies();

    private void look(long waiting, long now) {
        Counters none = new Counters();
        watchdog.look(List.of(new VmStatus(3, 77, 4096, 4096, none, none, latencies, waiting, 1, -1)), now);
    }

    @Test
    void whoeverWaitsLongerThanTheBoundWithoutProgressIsSaidOnce() {
        look(2, 0);
        look(2, BOUND - 1);
        assertThat(events).isEmpty();

        look(2, BOUND);
        look(2, 5 * BOUND);

        assertThat(events).singleElement().satisfies(event -> {
            assertThat(event.kind()).isEqualTo(Kind.BLOCKED);
            assertThat(event.vm()).isEqualTo(3);
            assertThat(event.numbers())
                    .containsEntry("waiting", 2L)
                    .containsEntry("unread", 1L)
                    .containsEntry("millis", 1000L);
        });
    }

    @Test
    void progressOrNobodyWaitingBeginsANewTime() {
        look(2, 0);
        latencies.of(Latencies.Need.ZERO).record(5);
        look(2, BOUND);
        look(0, BOUND + 1);
        look(2, BOUND + 2);
        look(-1, 2 * BOUND);
        assertThat(events).isEmpty();

        look(1, 3 * BOUND);
        look(1, 4 * BOUND);
        latencies.of(Latencies.Need.WRITE).record(5);
        look(1, 5 * BOUND);
        look(1, 6 * BOUND);
        assertThat(events).as("a second time").hasSize(2);
    }

    @Test
    void theKernelCountsWhoWaits() throws Exception {
        UserfaultfdInfo info = UserfaultfdInfo.parse(
                "pos:\t0\nflags:\t02004002\npending:\t1\ntotal:\t3\nAPI:\taa:80000008:9000000000000005\n");
        assertThat(info).isEqualTo(new UserfaultfdInfo(1, 3, Set.of(UserfaultfdFeature.EVENT_REMOVE)));
        assertThatThrownBy(() -> UserfaultfdInfo.parse("pos:\t0\n")).isInstanceOf(IOException.class);
    }

    @Test
    void aVcpuThatIsLeftHangingIsSaid(@TempDir Path directory) throws Exception {
        Path snapshot = directory.resolve("memory");
        Pattern.write(snapshot, 16, MockVmm.content(0));
        ServerOptions options = ServerOptions.of(directory.resolve("vm.sock"), snapshot)
                .onFailure(FailurePolicy.HANG)
                .serving(ServingOptions.DEFAULT.blockedAfter(Duration.ofMillis(40)));
        try (TestServer server = TestServer.start(options);
                MockVmmProcess vmm = MockVmmProcess.start(options.socket(), 17, 0)) {
            vmm.expectOk("read 0 16");
            CompletableFuture<String> hangs = vmm.order("read 16 1");

            ServerEvent blocked = server.await(Kind.BLOCKED, 1);

            assertThat(blocked.numbers()).containsEntry("waiting", 1L).containsEntry("unread", 0L);
            assertThat(hangs).isNotDone();
            assertThat(server.server().control().metrics()).contains("guestmem_faults_waiting{vm=\"1\"} 1\n");
        }
    }
}
