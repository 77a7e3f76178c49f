package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** eventfd, poll and epoll. */
@ExtendWith(OpenDescriptors.class)
class WaitingTest {
    private static final long FOR_EVER = -1;
    private static final PollEvents READABLE = PollEvents.READABLE;

    @Test
    void anEventfdCountsItsSignals() {
        try (EventFd event = EventFd.create()) {
            assertThat(event.drain()).isZero();
            event.signal();
            event.signal();
            assertThat(event.drain()).isEqualTo(2);
            assertThat(event.drain()).isZero();
            assertThat(event.descriptor().isCloseOnExec()).isTrue();
        }
    }

    @Test
    void anEventfdThatIsFullStaysSignalled() {
        try (EventFd event = EventFd.create();
                Mapping full = Mapping.anonymous(MappedMemory.PAGE_SIZE, Sharing.PRIVATE)) {
            full.segment().set(ValueLayout.JAVA_LONG, 0, -2);
            assertThat(event.descriptor().write(full.segment().asSlice(0, 8))).isEqualTo(8);
            event.signal();
            assertThat(event.drain()).isEqualTo(-2);
        }
    }

    @Test
    void pollTellsEachDescriptorsEvents() {
        try (EventFd quiet = EventFd.create();
                EventFd signalled = EventFd.create();
                UnixSocket.Pair sockets = UnixSocket.pair()) {
            signalled.signal();
            sockets.second().close();
            List<Poll.Interest> interests = List.of(
                    new Poll.Interest(quiet.descriptor(), READABLE),
                    new Poll.Interest(signalled.descriptor(), READABLE.and(PollEvents.WRITABLE)),
                    new Poll.Interest(sockets.first().descriptor(), READABLE.and(PollEvents.PEER_CLOSED)));
            assertThat(Poll.await(interests, FOR_EVER))
                    .containsExactly(
                            PollEvents.NONE,
                            READABLE.and(PollEvents.WRITABLE),
                            READABLE.and(PollEvents.PEER_CLOSED).and(PollEvents.HANG_UP));
        }
    }

    @Test
    void pollEndsWithNothingWhenItsTimeIsOver() {
        try (EventFd quiet = EventFd.create()) {
            long before = System.nanoTime();
            assertThat(Poll.await(quiet.descriptor(), READABLE, 3_000_000)).isEqualTo(PollEvents.NONE);
            assertThat(System.nanoTime() - before).isGreaterThanOrEqualTo(3_000_000);
            assertThat(Poll.await(quiet.descriptor(), READABLE, 0).isEmpty()).isTrue();
        }
    }

    @Test
    void aPollThatASignalInterruptsGoesOn() throws Exception {
        try (EventFd event = EventFd.create()) {
            Background<PollEvents> poll =
                    Background.start("poll", () -> Poll.await(event.descriptor(), READABLE, FOR_EVER));
            poll.interruptIn(SystemCallNumber.PPOLL);
            event.signal();
            assertThat(poll.result()).isEqualTo(READABLE);
        }
    }

    @Test
    void pollHoldsWhatItWaitsForOpen() throws Exception {
        try (EventFd event = EventFd.create()) {
            FileDescriptor copy = event.descriptor().duplicate();
            Background<PollEvents> poll = Background.start("poll", () -> Poll.await(copy, READABLE, FOR_EVER));
            poll.awaitBlockedIn(SystemCallNumber.PPOLL);
            copy.close();
            assertThat(OpenDescriptors.isOpen(copy.number())).isTrue();
            event.signal();
            assertThat(poll.result()).isEqualTo(READABLE);
            assertThat(OpenDescriptors.isOpen(copy.number())).isFalse();
            assertThatThrownBy(() -> Poll.await(copy, READABLE, 0)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void epollGivesBackTokens() {
        try (Epoll epoll = Epoll.create();
                EventFd first = EventFd.create();
                EventFd second = EventFd.create()) {
            epoll.add(first.descriptor(), READABLE, 0x1122_3344_5566_7788L);
            epoll.add(second.descriptor(), READABLE, -1);
            assertThat(epoll.await(0)).isZero();
            assertThatThrownBy(() -> epoll.token(0)).isInstanceOf(IndexOutOfBoundsException.class);

            first.signal();
            assertThat(epoll.await(FOR_EVER)).isEqualTo(1);
            assertThat(epoll.token(0)).isEqualTo(0x1122_3344_5566_7788L);
            assertThat(epoll.events(0)).isEqualTo(READABLE);

            second.signal();
            assertThat(epoll.await(FOR_EVER)).isEqualTo(2);
            assertThat(List.of(epoll.token(0), epoll.token(1))).contains(0x1122_3344_5566_7788L, -1L);

            epoll.modify(first.descriptor(), PollEvents.WRITABLE, 5);
            epoll.remove(second.descriptor());
            assertThat(epoll.await(FOR_EVER)).isEqualTo(1);
            assertThat(epoll.token(0)).isEqualTo(5);
            assertThat(epoll.events(0)).isEqualTo(PollEvents.WRITABLE);
            assertThat(epoll.has(0, PollEvents.WRITABLE.and(PollEvents.ERROR))).isTrue();
            assertThat(epoll.has(0, PollEvents.ERROR)).isFalse();
        }
    }

    @Test
    void anEdgeIsReportedOnceForEachTimeThatSomethingComes() {
        try (Epoll epoll = Epoll.create();
                EventFd event = EventFd.create()) {
            event.signal();
            epoll.addEdgeTriggered(event.descriptor(), READABLE, 7);
            assertThat(epoll.await(0)).as("there when it was added").isEqualTo(1);
            assertThat(epoll.token(0)).isEqualTo(7);
            assertThat(epoll.await(0)).as("still unread").isZero();

            event.signal();

            assertThat(epoll.await(0)).isEqualTo(1);
            assertThat(epoll.events(0).isReadable()).isTrue();
            assertThat(epoll.await(0)).isZero();
        }
    }

    @Test
    void epollRefusesWhatItHasAndWhatItHasNot() {
        try (Epoll epoll = Epoll.create();
                EventFd event = EventFd.create();
                FileDescriptor memory = Memfd.create("plain", 1)) {
            assertThatThrownBy(() -> epoll.remove(event.descriptor())).hasMessageStartingWith("epoll_ctl: ENOENT");
            epoll.add(event.descriptor(), READABLE, 0);
            assertThatThrownBy(() -> epoll.add(event.descriptor(), READABLE, 0))
                    .hasMessageStartingWith("epoll_ctl: EEXIST");
            assertThatThrownBy(() -> epoll.add(memory, READABLE, 0)).hasMessageStartingWith("epoll_ctl: EPERM");
        }
    }

    @Test
    void anEpollThatASignalInterruptsGoesOnAndEndsWithItsTime() throws Exception {
        try (Epoll epoll = Epoll.create();
                EventFd event = EventFd.create()) {
            epoll.add(event.descriptor(), READABLE, 3);
            Background<Integer> wait = Background.start("epoll", () -> epoll.await(FOR_EVER));
            wait.interruptIn(SystemCallNumber.EPOLL_PWAIT2);
            event.signal();
            assertThat(wait.result()).isEqualTo(1);

            event.drain();
            long before = System.nanoTime();
            assertThat(epoll.await(3_000_000)).isZero();
            assertThat(System.nanoTime() - before).isGreaterThanOrEqualTo(3_000_000);
        }
    }
}
