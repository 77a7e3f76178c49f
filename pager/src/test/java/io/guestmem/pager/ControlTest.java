package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.linux.LinuxException;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands and metrics of a server that serves. */
class ControlTest {
    private static final int PAGES = 1024;
    private static final int HOLE_EVERY = 4;

    @TempDir
    private Path directory;

    private Path socket;
    private Path snapshot;
    private Path control;

    @BeforeEach
    void makeSnapshot() throws IOException {
        socket = directory.resolve("vm.sock");
        snapshot = directory.resolve("memory");
        control = directory.resolve("control.sock");
        Pattern.write(snapshot, PAGES, MockVmm.content(HOLE_EVERY));
    }

    /** A connection to the server's control socket. */
    private record Client(SocketChannel channel, BufferedReader answers, PrintWriter commands)
            implements AutoCloseable {
        static Client connect(Path path) throws IOException {
            SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
            return new Client(
                    channel,
                    new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8)),
                    new PrintWriter(Channels.newWriter(channel, StandardCharsets.UTF_8), true));
        }

        void send(String command) {
            commands.print(command + "\n");
            commands.flush();
        }

        String ask(String command) throws IOException {
            send(command);
            return answers.readLine();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    @Test
    void aServerIsAskedAndTold() throws Exception {
        Path diff = directory.resolve("a diff of é");
        ServerOptions options = ServerOptions.of(socket, snapshot).serving(ServingOptions.DEFAULT.trackingDirty());
        try (TestServer server = TestServer.start(options);
                ControlEndpoint _ = ControlEndpoint.listen(server.server(), control, Duration.ZERO);
                Client client = Client.connect(control);
                Client other = Client.connect(control)) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(control)))
                    .isEqualTo("rw-------");
            assertThat(client.ask("list")).isEqualTo("{\"ok\":true,\"vms\":[]}");
            try (MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
                vmm.expectOk("read 0 100");
                vmm.expectOk("write 90 20");

                assertThat(other.ask("list"))
                        .startsWith("{\"ok\":true,\"vms\":[{\"vm\":1,\"pid\":"
                                + vmm.process().pid())
                        .contains("\"bytes\":4194304", "\"demand_pages\":110", "\"ahead_pages\":0")
                        .contains("\"waiting\":0", "\"dirty_pages\":20", "\"write\":{\"count\":10,\"p50_nanos\":");
                assertThat(client.ask("diff 1 " + diff)).startsWith("{\"ok\":true,\"pages\":20,\"zero_pages\":0,");
                assertThat(diff).exists();
                assertThat(client.ask("diff 1 " + diff)).contains("\"ok\":false", "is there already");
                assertThat(client.ask("collapse 1")).contains("\"ok\":false", "writes are tracked");
                assertThat(client.ask("prefetch 1")).isEqualTo("{\"ok\":true}");
                server.await(Kind.PREFETCHED, 1);
                assertThat(client.ask("release 1")).isEqualTo("{\"ok\":true}");
                server.await(Kind.RELEASED, 1);
                vmm.expectOk("read 0 " + PAGES + " 2");
                vmm.expectOk("write 0 " + PAGES + " 2");
            }
            assertThat(client.ask("list")).isEqualTo("{\"ok\":true,\"vms\":[]}");
            assertThat(client.ask("drain")).isEqualTo("{\"ok\":true}");
            server.awaitEnd();
        }
        assertThat(control).doesNotExist();
    }

    @Test
    void whoAsksOnceGetsOneAnswerHoweverLongOrSaysWhyThereIsNone() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                ControlEndpoint _ = ControlEndpoint.listen(server.server(), control, Duration.ZERO)) {
            assertThat(ControlClient.ask(control, "list")).isEqualTo("{\"ok\":true,\"vms\":[]}");
            assertThat(ControlClient.ask(control, "é".repeat(4000)))
                    .startsWith("{\"ok\":false,\"error\":\"unknown command 'éé")
                    .endsWith("or drain\"}");
            assertThatThrownBy(() -> ControlClient.ask(control, "x".repeat(9000)))
                    .isInstanceOf(IOException.class);
            assertThatThrownBy(() -> ControlClient.ask(control, "list\ndrain"))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> ControlClient.ask(control, "list"))
                .isInstanceOf(LinuxException.class)
                .hasMessageContaining("ENOENT");
    }

    @Test
    void whatCannotBeDoneIsAnsweredToo() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                ControlEndpoint _ = ControlEndpoint.listen(server.server(), control, Duration.ZERO);
                Client client = Client.connect(control);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES + 16, HOLE_EVERY)) {
            vmm.expectOk("read 0 10");
            assertThat(client.ask("")).contains("\"ok\":false", "unknown command ''");
            assertThat(client.ask("make tea")).contains("unknown command 'make'");
            assertThat(client.ask("list all")).contains("list takes 0 arguments");
            assertThat(client.ask("collapse one")).contains("not the number of a VM: 'one'");
            assertThat(client.ask("collapse 9")).contains("there is no VM 9");
            assertThat(client.ask("diff 1 " + directory.resolve("d"))).contains("not tracked");
            assertThat(client.ask("collapse 1"))
                    .contains("\"ok\":true,\"huge\":0,\"not_whole\":")
                    .contains("\"refused\":{}");
            assertThat(client.ask("x".repeat(9000))).as("hangs up").isNull();
        }
    }

    @Test
    void aVmThatCannotGetAllOfItsMemoryIsServedOn() throws Exception {
        ServerOptions options = ServerOptions.of(socket, snapshot).onFailure(FailurePolicy.HANG);
        try (TestServer server = TestServer.start(options);
                ControlEndpoint _ = ControlEndpoint.listen(server.server(), control, Duration.ZERO);
                Client client = Client.connect(control);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES + 16, HOLE_EVERY)) {
            vmm.expectOk("read 0 10");

            assertThat(client.ask("release 1")).contains("\"ok\":false", "cannot get all", "served as before");
            assertThat(client.ask("release 1")).contains("\"ok\":false", "cannot get all", "served as before");

            vmm.expectOk("remove 5 100");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
    }

    @Test
    void aVmIsReleasedOnceAtATime() throws Exception {
        CountDownLatch failed = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        ServerOptions options = ServerOptions.of(socket, snapshot).onFailure(FailurePolicy.POISON);
        try (TestServer server = TestServer.start(options, event -> {
                    if (event.kind() == Kind.FAILED) {
                        failed.countDown();
                        FairnessTest.awaitQuietly(goOn);
                    }
                });
                ControlEndpoint _ = ControlEndpoint.listen(server.server(), control, Duration.ZERO);
                Client client = Client.connect(control);
                Client other = Client.connect(control);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES + 1, HOLE_EVERY)) {
            vmm.expectOk("read 0 10");
            client.send("release 1");
            FairnessTest.awaitQuietly(failed);
            assertThat(other.ask("release 1")).contains("it is being released");
            goOn.countDown();
            assertThat(client.answers.readLine()).isEqualTo("{\"ok\":true}");
            vmm.expectOk("read 0 " + PAGES + " 2");
        }
    }

    @Test
    void metricsSayWhatWasDone() throws Exception {
        try (TestServer server = TestServer.start(ServerOptions.of(socket, snapshot));
                MetricsEndpoint endpoint = MetricsEndpoint.listen(
                        server.server(), new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Duration.ZERO);
                MockVmmProcess vmm = MockVmmProcess.start(socket, PAGES, HOLE_EVERY)) {
            HandshakeTest.sendTo(socket, "[");
            server.await(Kind.REFUSED, 2);
            vmm.expectOk("read 0 100");
            vmm.expectOk("remove 10 5");

            HttpURLConnection answer = get(endpoint, "/metrics");

            assertThat(answer.getResponseCode()).isEqualTo(200);
            assertThat(answer.getContentType()).startsWith("text/plain; version=0.0.4");
            List<String> lines =
                    List.of(new String(answer.getInputStream().readAllBytes(), StandardCharsets.UTF_8).split("\n", -1));
            assertThat(lines.subList(0, lines.size() - 1))
                    .contains(
                            "# TYPE guestmem_fault_seconds histogram",
                            "guestmem_vms 1",
                            "guestmem_vms_attached_total 1",
                            "guestmem_connections_refused_total 1",
                            "guestmem_memory_bytes{vm=\"1\"} 4194304",
                            "guestmem_faults_total{vm=\"1\"} 100",
                            "guestmem_pages_installed_total{vm=\"1\",by=\"demand\",content=\"snapshot\"} 75",
                            "guestmem_pages_installed_total{vm=\"1\",by=\"demand\",content=\"zero\"} 25",
                            "guestmem_pages_installed_total{vm=\"1\",by=\"ahead\",content=\"snapshot\"} 0",
                            "guestmem_pages_removed_total{vm=\"1\"} 5",
                            "guestmem_faults_waiting{vm=\"1\"} 0",
                            "guestmem_fault_seconds_bucket{vm=\"1\",need=\"content\",le=\"+Inf\"} 75",
                            "guestmem_fault_seconds_count{vm=\"1\",need=\"zero\"} 25",
                            "guestmem_fault_seconds_count{vm=\"1\",need=\"write\"} 0")
                    .doesNotContain("guestmem_dirty_pages{vm=\"1\"} -1")
                    .allMatch(line -> line.matches("# (HELP|TYPE) \\w+ .+|\\w+(\\{(\\w+=\"[^\"]*\",?)+})? [-+.\\dE]+"));
            assertThat(get(endpoint, "/other").getResponseCode()).isEqualTo(404);
        }
    }

    private static HttpURLConnection get(MetricsEndpoint endpoint, String path) throws IOException {
        URI uri = URI.create("http://127.0.0.1:" + endpoint.address().getPort() + path);
        return (HttpURLConnection) uri.toURL().openConnection();
    }
}
