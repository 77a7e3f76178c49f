package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two VMs at a time that read, write and give back memory at random while all of it is prefetched to both: first under servers
 * that are killed, then under one that must not grow. Every byte that is read is checked.
 *
 * <p>{@code -Dguestmem.soak.faults=N}: how many faults, of those that servers lived to report; {@code -Dguestmem.soak.seed=N}.
 */
class SoakTest {
    private static final long FAULTS = Long.getLong("guestmem.soak.faults", 60_000);
    private static final long SEED = Long.getLong("guestmem.soak.seed", System.nanoTime());
    private static final int PAGES = 4096;
    private static final int HOLE_EVERY = 6;
    private static final int VMS = 2;

    /** More than a server needs to find its size; what grew by as little with each VM would show. */
    private static final long GROWTH = 8 << 20;

    /** VMs after which a server has its size. */
    private static final int SETTLED_AFTER = 4 * VMS;

    private static final long LIMIT_MINUTES = 5;
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final int operations = Math.clamp(FAULTS / 10, 5_000, 400_000);

    @TempDir
    private Path directory;

    private ServerProcess server;
    private int vm;
    private int kills;
    private long faults;
    private long removed;

    @BeforeEach
    void makeSnapshot() throws Exception {
        try {
            Userfaultfd.open(FaultScope.USER_AND_KERNEL).close();
        } catch (LinuxException refused) {
            Assumptions.abort("no userfaultfd on this machine: " + refused.getMessage());
        }
        Pattern.write(directory.resolve("memory"), PAGES, MockVmm.content(HOLE_EVERY));
        server = started();
    }

    @Test
    void noByteIsWrongAndNothingGrows() throws Exception {
        System.out.println("SoakTest: seed " + SEED);
        try {
            while (faults < FAULTS / 2) {
                twoVms(true);
            }
            server.close();
            server = started();
            vm = 0;
            long descriptors = 0;
            long memory = Long.MAX_VALUE;
            while (faults < FAULTS || vm <= SETTLED_AFTER) {
                twoVms(false);
                if (vm == SETTLED_AFTER) {
                    descriptors = settledDescriptors();
                    memory = server.ownMemory();
                }
            }

            System.out.printf(
                    Locale.ROOT,
                    "SoakTest: %d faults, %d pages given back, %d kills; memory from %d to %d KiB in %d VMs%n",
                    faults,
                    removed,
                    kills,
                    memory >> 10,
                    server.ownMemory() >> 10,
                    vm - SETTLED_AFTER);
            awaitDescriptors(descriptors);
            assertThat(server.ownMemory()).as("memory of its own").isLessThan(memory + GROWTH);
        } finally {
            server.close();
        }
    }

    /** A connection is closed a moment after its VM's end was said. */
    private long settledDescriptors() throws IOException {
        long least = server.descriptors();
        for (int i = 0; i < 20; i++) {
            LockSupport.parkNanos(PAUSE_NANOS);
            least = Math.min(least, server.descriptors());
        }
        return least;
    }

    private void awaitDescriptors(long most) throws IOException {
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (server.descriptors() > most && System.nanoTime() < deadline) {
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        assertThat(server.descriptors()).as("descriptors").isLessThanOrEqualTo(most);
    }

    private ServerProcess started() throws IOException, InterruptedException {
        ServerProcess fresh = ServerProcess.start(
                directory.resolve("vm.sock"), directory.resolve("memory"), directory.resolve("state"), false);
        fresh.await("LISTENING");
        return fresh;
    }

    /** Two VMs from their start to their end. */
    private void twoVms(boolean killed) throws Exception {
        Path socket = directory.resolve("vm.sock");
        try (MockVmmProcess one = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            server.await("ATTACHED " + ++vm);
            try (MockVmmProcess two = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                server.await("ATTACHED " + ++vm);
                CompletableFuture<String> first = work(one);
                CompletableFuture<String> second = work(two);
                if (killed) {
                    replaceServer();
                }
                assertThat(first.get(LIMIT_MINUTES, TimeUnit.MINUTES))
                        .as("seed " + SEED)
                        .isEqualTo("ok");
                assertThat(second.get(LIMIT_MINUTES, TimeUnit.MINUTES))
                        .as("seed " + SEED)
                        .isEqualTo("ok");
                one.expectOk("read 0 " + PAGES + " 2");
                two.expectOk("read 0 " + PAGES + " 2");
            }
        }
        for (int i = 0; i < VMS; i++) {
            String end = server.await("DETACHED");
            faults += number(end, "faults");
            removed += number(end, "removed");
            assertThat(number(end, "failed")).as(end).isZero();
        }
    }

    private CompletableFuture<String> work(MockVmmProcess vmm) {
        return vmm.order("run " + random.nextInt(1 << 16) + " 2 " + operations);
    }

    private void replaceServer() throws Exception {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(1, 200)));
        server.kill();
        kills++;
        server = started();
    }

    private static long number(String event, String name) {
        return Long.parseLong(event.replaceAll(".*[{ ]" + name + "=(\\d+).*", "$1"));
    }
}
