package io.guestmem.linux;

import static io.guestmem.linux.Guarded.MISSING;
import static io.guestmem.linux.Guarded.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Reading the messages of a userfaultfd. */
@ExtendWith(OpenDescriptors.class)
class UserfaultfdEventsTest {
    private static final AdviceResult DONE = new AdviceResult.Done();

    @Test
    void nothingPendingIsNoMessage() {
        try (Guarded guarded = Guarded.anonymous(1, MISSING)) {
            assertThat(guarded.events.read(guarded.userfaultfd)).isZero();
            assertThat(guarded.events.size()).isZero();
            assertThatThrownBy(() -> guarded.events.get(0)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void readingBeforeTheHandshakeIsAnError() {
        try (Guarded present = Guarded.anonymous(1, MISSING);
                Userfaultfd fresh = Userfaultfd.open(FaultScope.USER_AND_KERNEL)) {
            assertThatThrownBy(() -> present.events.read(fresh)).hasMessageStartingWith("read: EINVAL (22)");
        }
    }

    @Test
    void manyFaultsComeInBatches() throws Exception {
        int threads = UserfaultfdEvents.CAPACITY + 6;
        try (Guarded guarded = Guarded.anonymous(threads, MISSING)) {
            List<Background<AdviceResult>> touches = new ArrayList<>();
            for (int page = 0; page < threads; page++) {
                touches.add(guarded.touch(page, Advice.POPULATE_READ));
            }
            awaitPending(guarded.userfaultfd, threads);

            TreeSet<Long> addresses = new TreeSet<>();
            for (int expected : new int[] {UserfaultfdEvents.CAPACITY, 6, 0}) {
                assertThat(guarded.events.read(guarded.userfaultfd)).isEqualTo(expected);
                for (int i = 0; i < expected; i++) {
                    assertThat(guarded.events.kind(i)).isEqualTo(UserfaultfdEvents.PAGE_FAULT);
                    assertThat(guarded.events.flags(i)).isZero();
                    assertThat(guarded.events.threadId(i)).isZero();
                    addresses.add(guarded.events.address(i));
                }
            }
            assertThat(addresses).hasSize(threads);
            assertThat(addresses.first()).isEqualTo(guarded.page(0));
            assertThat(addresses.last()).isEqualTo(guarded.page(threads - 1));

            guarded.userfaultfd.zeropage(guarded.page(0), threads * PAGE, InstallMode.WAKE);
            for (Background<AdviceResult> touch : touches) {
                assertThat(touch.result()).isEqualTo(DONE);
            }
        }
    }

    /** Returns when that many faults are unread: the descriptor's entry in {@code /proc} counts them. */
    private static void awaitPending(Userfaultfd userfaultfd, int faults) throws Exception {
        Path entry = Path.of("/proc/self/fdinfo/" + userfaultfd.descriptor().number());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!Files.readAllLines(entry).contains("pending:\t" + faults)) {
            assertThat(deadline - System.nanoTime())
                    .describedAs("time to fault")
                    .isPositive();
        }
    }

    @Test
    void aRemovalWaitsUntilItIsReadAndHoldsUpCopies() throws Exception {
        try (Guarded guarded = Guarded.anonymous(4, MISSING, UserfaultfdFeature.EVENT_REMOVE)) {
            guarded.userfaultfd.zeropage(guarded.page(0), 4 * PAGE, InstallMode.WAKE);
            Background<AdviceResult> removal =
                    Background.start("removal", () -> guarded.memory.advise(Advice.DONT_NEED, PAGE, 2 * PAGE));
            PollEvents ready =
                    Poll.await(guarded.userfaultfd.descriptor(), PollEvents.READABLE, TimeUnit.SECONDS.toNanos(30));
            assertThat(ready.isReadable()).isTrue();

            assertThat(guarded.userfaultfd.zeropage(guarded.page(0), PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Changing());
            assertThat(removal.isDone()).isFalse();
            assertThat(guarded.next()).isEqualTo(new UserfaultfdEvent.Remove(guarded.page(1), guarded.page(3)));
            assertThat(guarded.events.start(0)).isEqualTo(guarded.page(1));
            assertThat(guarded.events.end(0)).isEqualTo(guarded.page(3));

            assertThat(removal.result()).isEqualTo(DONE);
            assertThat(guarded.userfaultfd.zeropage(guarded.page(1), 2 * PAGE, InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Complete(2 * PAGE));
        }
    }

    @Test
    void unmappingIsReported() throws Exception {
        try (Guarded guarded = Guarded.anonymous(2, MISSING, UserfaultfdFeature.EVENT_UNMAP)) {
            Background<Boolean> unmapping = Background.start("unmap", () -> {
                guarded.memory.close();
                return true;
            });
            assertThat(guarded.next()).isEqualTo(new UserfaultfdEvent.Unmap(guarded.page(0), guarded.page(2)));
            assertThat(unmapping.result()).isTrue();
        }
    }

    @Test
    void aForkGivesTheChildsUserfaultfdWhichServesTheChild() throws Exception {
        try (ForkingProcess other = ForkingProcess.start();
                UserfaultfdEvents events = new UserfaultfdEvents();
                Mapping source = Mapping.anonymous(PAGE, Sharing.PRIVATE)) {
            source.segment().fill((byte) 77);
            other.fork();
            awaitOne(other.userfaultfd, events);
            assertThat(events.kind(0)).isEqualTo(UserfaultfdEvents.FORK);
            UserfaultfdEvent.Fork fork = (UserfaultfdEvent.Fork) events.get(0);
            assertThatThrownBy(() -> events.get(0)).isInstanceOf(IllegalStateException.class);

            try (Userfaultfd child = fork.child()) {
                assertThat(child.descriptor().isCloseOnExec()).isTrue();
                awaitOne(child, events);
                assertThat(events.get(0)).isEqualTo(new UserfaultfdEvent.PageFault(other.page, 0, 0));
                assertThat(child.copy(other.page, source.segment(), InstallMode.WAKE))
                        .isEqualTo(new InstallResult.Complete(PAGE));
                other.assertPrints("77");
                other.assertPrints("ended");
            }
        }
    }

    @Test
    void aChildThatNobodyTakesIsClosedWithTheBatchAndReadsZeroes() throws Exception {
        try (ForkingProcess other = ForkingProcess.start();
                UserfaultfdEvents events = new UserfaultfdEvents()) {
            other.fork();
            awaitOne(other.userfaultfd, events);
            assertThat(userfaultfds()).isEqualTo(2);
            assertThat(events.read(other.userfaultfd)).isZero();
            assertThat(userfaultfds()).isEqualTo(1);
            other.assertPrints("0");
        }
    }

    @Test
    void aUserfaultfdOutlivesItsAddressSpace() throws Exception {
        try (ForkingProcess other = ForkingProcess.start();
                UserfaultfdEvents events = new UserfaultfdEvents();
                Mapping source = Mapping.anonymous(PAGE, Sharing.PRIVATE)) {
            other.kill();
            Userfaultfd orphan = other.userfaultfd;
            assertThat(orphan.copy(other.page, source.segment(), InstallMode.WAKE))
                    .isEqualTo(new InstallResult.Gone());
            assertThat(orphan.zeropage(other.page, PAGE, InstallMode.WAKE)).isEqualTo(new InstallResult.Gone());
            assertThat(events.read(orphan)).isZero();
            orphan.wake(other.page, PAGE);
            assertThatThrownBy(() -> orphan.unregister(other.page, PAGE))
                    .hasMessageStartingWith("UFFDIO_UNREGISTER: ENOMEM (12)");
        }
    }

    private static void awaitOne(Userfaultfd userfaultfd, UserfaultfdEvents events) {
        PollEvents ready = Poll.await(userfaultfd.descriptor(), PollEvents.READABLE, TimeUnit.SECONDS.toNanos(30));
        assertThat(ready).describedAs("an event within 30 s").isEqualTo(PollEvents.READABLE);
        assertThat(events.read(userfaultfd)).isEqualTo(1);
    }

    private static long userfaultfds() {
        return OpenDescriptors.now().values().stream()
                .filter(target -> target.contains("[userfaultfd]"))
                .count();
    }
}
