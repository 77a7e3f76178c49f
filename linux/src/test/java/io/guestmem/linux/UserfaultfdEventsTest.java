package io.guestmem.linux;

import static io.guestmem.linux.Guarded.MISSING;
import static io.guestmem.linux.Guarded.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
    void manyFaultsComeInOneBatch() throws Exception {
        int threads = 8;
        try (Guarded guarded = Guarded.anonymous(threads, MISSING)) {
            List<Background<AdviceResult>> touches = new ArrayList<>();
            for (int page = 0; page < threads; page++) {
                touches.add(guarded.touch(page, Advice.POPULATE_READ));
                touches.getLast().awaitBlockedIn(SystemCallNumber.MADVISE);
            }

            TreeSet<Long> addresses = new TreeSet<>();
            while (addresses.size() < threads) {
                int count = guarded.events.read(guarded.userfaultfd);
                for (int i = 0; i < count; i++) {
                    assertThat(guarded.events.kind(i)).isEqualTo(UserfaultfdEvents.PAGE_FAULT);
                    assertThat(guarded.events.flags(i)).isZero();
                    assertThat(guarded.events.threadId(i)).isZero();
                    addresses.add(guarded.events.address(i));
                }
            }
            assertThat(addresses.first()).isEqualTo(guarded.page(0));
            assertThat(addresses.last()).isEqualTo(guarded.page(threads - 1));

            guarded.userfaultfd.zeropage(guarded.page(0), threads * PAGE, InstallMode.WAKE);
            for (Background<AdviceResult> touch : touches) {
                assertThat(touch.result()).isEqualTo(DONE);
            }
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
    void aForkGivesTheChildsUserfaultfdWhichOutlivesItsAddressSpace() throws Exception {
        try (Guarded guarded = Guarded.anonymous(1, MISSING, UserfaultfdFeature.EVENT_FORK)) {
            Background<Process> starting = Background.start(
                    "fork", () -> new ProcessBuilder("true").inheritIO().start());
            UserfaultfdEvent event = guarded.next();
            assertThat(event).isInstanceOf(UserfaultfdEvent.Fork.class);
            try (Userfaultfd child = ((UserfaultfdEvent.Fork) event).child()) {
                assertThatThrownBy(() -> guarded.events.get(0)).isInstanceOf(IllegalStateException.class);
                assertThat(child.descriptor().isCloseOnExec()).isTrue();
                assertThat(starting.result().waitFor()).isZero();
                assertThat(child.zeropage(guarded.page(0), PAGE, InstallMode.WAKE))
                        .isEqualTo(new InstallResult.Gone());
                child.wake(guarded.page(0), PAGE);
            }
        }
    }

    @Test
    void aChildThatNobodyTakesIsClosedWithTheBatch() throws Exception {
        try (Guarded guarded = Guarded.anonymous(1, MISSING, UserfaultfdFeature.EVENT_FORK)) {
            Background<Process> starting = Background.start(
                    "fork", () -> new ProcessBuilder("true").inheritIO().start());
            int count = 0;
            while (count == 0) {
                count = guarded.events.read(guarded.userfaultfd);
            }
            assertThat(guarded.events.kind(0)).isEqualTo(UserfaultfdEvents.FORK);
            assertThat(starting.result().waitFor()).isZero();
            assertThat(userfaultfds()).isEqualTo(2);
            guarded.events.close();
            assertThat(userfaultfds()).isEqualTo(1);
        }
    }

    private static long userfaultfds() {
        return OpenDescriptors.now().values().stream()
                .filter(target -> target.contains("[userfaultfd]"))
                .count();
    }
}
