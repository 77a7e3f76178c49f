package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
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
}
