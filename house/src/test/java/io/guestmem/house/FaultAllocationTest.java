package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.guestmem.pager.PageServer;
import io.guestmem.pager.ServerOptions;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the page server allocates for a fault: nothing, once the code is compiled. Of several times many faults the least counts. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class FaultAllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int PIECE = 2048;
    private static final int PIECES = 20;

    @TempDir
    private Path directory;

    @Test
    void servingFaultsAllocatesNothing() throws Exception {
        Host.assumeUserfaultfd();
        Path snapshot = directory.resolve("memory");
        Path socket = directory.resolve("vm.sock");
        Pattern.write(snapshot, PIECE * PIECES, MockVmm.content(3));
        try (PageServer server = PageServer.open(ServerOptions.of(socket, snapshot), _ -> {})) {
            Thread.ofPlatform().name("server").daemon().start(server::serve);
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PIECE * PIECES, 3)) {
                long least = Long.MAX_VALUE;
                for (int piece = 0; piece < PIECES; piece++) {
                    long before = allocated();
                    vmm.order("read " + piece * PIECE + " " + PIECE + " 2");
                    vmm.awaitOk(1);
                    // The first one tells nothing: the thread may not have been there.
                    least = before < 0 ? least : Math.min(least, allocated() - before);
                }

                assertThat(least)
                        .as("bytes allocated while %d faults were served", PIECE)
                        .isZero();
            }
        }
    }

    /** By the thread that serves the VM; -1 if it is not there yet. */
    private static long allocated() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(each -> each.getName().equals("VM 1"))
                .mapToLong(each -> THREADS.getThreadAllocatedBytes(each.threadId()))
                .findFirst()
                .orElse(-1);
    }
}
