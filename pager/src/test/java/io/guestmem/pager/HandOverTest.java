package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.UnixSocket;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A living server that is asked to hand over, step by step. */
class HandOverTest {
    private static final int PAGES = 4096;
    private static final int HOLE_EVERY = 5;

    @TempDir
    private Path directory;

    private ServerOptions options;
    private TestServer server;

    @BeforeEach
    void startServer() throws Exception {
        Path snapshot = directory.resolve("memory");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
        options = ServerOptions.of(directory.resolve("vm.sock"), snapshot).state(directory.resolve("state"), false);
        server = TestServer.start(options);
    }

    @AfterEach
    void endServer() throws IOException {
        server.close();
    }

    /** What a successor has done when it dies. */
    enum Step {
        CONNECTED,
        ASKED,
        PREPARED,
        SAID_STOP,
        HEARD_ALL
    }

    @ParameterizedTest
    @EnumSource(Step.class)
    void theLivingServerServesOnIfItsSuccessorDiesAfter(Step last) throws Exception {
        try (MockVmmProcess vmm = vmm()) {
            vmm.expectOk("read 0 100");
            try (UnixSocket successor = connect()) {
                dieAfter(last, successor);
            }

            assertThat(server.await(Kind.WARNING, 0).text()).startsWith("hand-over");
            vmm.expectOk("write 100 100 2");
            vmm.expectOk("remove 0 50");
            vmm.expectOk("read 0 " + PAGES + " 4");
            assertThat(server.server().isHandedOver()).isFalse();
            try (MockVmmProcess other = vmm()) {
                other.expectOk("read 0 100");
            }
        }
    }

    private static void dieAfter(Step last, UnixSocket successor) throws IOException {
        if (last == Step.ASKED) {
            HandOver.request(successor);
        }
        if (last.compareTo(Step.PREPARED) >= 0) {
            try (HandOver.Received received = HandOver.ask(successor)) {
                assertThat(received.vms()).containsExactly(1);
                if (last == Step.SAID_STOP) {
                    HandOver.sayStop(successor);
                } else if (last == Step.HEARD_ALL) {
                    assertThat(HandOver.stop(successor, received)).containsExactly(1);
                }
            }
        }
    }

    @Test
    void theLastListHasWhoConnectedMeanwhileAndNotWhoEnded() throws Exception {
        MockVmmProcess first = vmm();
        try (MockVmmProcess second = vmm();
                UnixSocket successor = connect();
                HandOver.Received received = HandOver.ask(successor)) {
            assertThat(received.vms()).containsExactly(1, 2);
            first.kill();
            server.await(Kind.DETACHED, 1);
            try (MockVmmProcess third = vmm()) {
                third.expectOk("read 0 10");

                assertThat(HandOver.stop(successor, received)).containsExactly(2, 3);
                assertThat(received.vms()).containsExactly(1, 2, 3);

                successor.shutdown();
                third.expectOk("read 0 100");
            }
            second.expectOk("read 0 100");
        } finally {
            first.close();
        }
    }

    @Test
    void aSuccessorInTheSameProcessTakesAllOver() throws Exception {
        List<ServerEvent> heard = new CopyOnWriteArrayList<>();
        try (MockVmmProcess first = vmm();
                MockVmmProcess second = vmm()) {
            first.expectOk("write 0 50");
            first.expectOk("remove 20 10");
            try (PageServer successor = PageServer.open(takingOver(options), heard::add)) {
                server.awaitEnd();

                assertThat(server.server().isHandedOver()).isTrue();
                assertThat(heard)
                        .filteredOn(event -> event.kind() == Kind.RECOVERED)
                        .extracting(ServerEvent::vm)
                        .containsExactly(1, 2);
                assertThat(successor.control().status()).hasSize(2);
                first.expectOk("read 0 " + PAGES + " 2");
                second.expectOk("read 0 " + PAGES + " 2");
            }
        }
    }

    /** As one that is started on another snapshot by mistake. */
    @Test
    void aSuccessorThatCannotServeAVmGetsNone() throws Exception {
        Path other = directory.resolve("other");
        Pattern.write(other, PAGES, MockVmm.content(HOLE_EVERY));
        try (MockVmmProcess vmm = vmm()) {
            vmm.expectOk("read 0 100");
            long descriptors = descriptors();
            ServerOptions wrong = ServerOptions.of(options.socket(), other)
                    .state(options.state().orElseThrow(), true);

            assertThatThrownBy(() -> PageServer.open(wrong, _ -> {}))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("VM 1 cannot be taken over: it runs on another snapshot");

            server.await(Kind.WARNING, 0);
            assertThat(descriptors()).isEqualTo(descriptors);
            vmm.expectOk("read 0 " + PAGES + " 2");
            try (MockVmmProcess next = vmm()) {
                next.expectOk("read 0 100");
            }
        }
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.count();
        }
    }

    private static ServerOptions takingOver(ServerOptions options) {
        return options.state(options.state().orElseThrow(), true);
    }

    private UnixSocket connect() {
        return UnixSocket.connect(options.state().orElseThrow().resolve("hand-over.sock"));
    }

    private MockVmmProcess vmm() throws Exception {
        return MockVmmProcess.start(options.socket(), PAGES, HOLE_EVERY);
    }
}
