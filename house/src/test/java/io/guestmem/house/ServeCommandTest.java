package io.guestmem.house;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.pager.mock.MockVmm;
import io.guestmem.pager.mock.Pattern;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The verb {@code serve} as it is shipped, with a mock VMM from the same jars that checks every byte. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class ServeCommandTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int PAGES = 1024;
    private static final int HOLE_EVERY = 4;
    private static final String[] SERVE = {"serve", "--socket", "vm.sock", "--snapshot", "memory", "--events"};

    @TempDir
    private Path directory;

    @BeforeEach
    void makeSnapshot() throws IOException {
        Host.assumeUserfaultfd();
        Pattern.write(directory.resolve("memory"), PAGES, MockVmm.content(HOLE_EVERY));
    }

    @Test
    void aVmIsServedAndEverythingIsSaid() throws Exception {
        try (Command.Running server = serve()) {
            Process vmm = vmm();
            assertThat(orders(vmm, "read 0 1024 4", "remove 10 20", "read 0 1024", "exit"))
                    .containsExactly("connected", "ok", "ok", "ok");
            awaitText(server.out(), "\"event\":\"detached\"");

            signal(server, "TERM");

            Command.Outcome outcome = server.await(LIMIT);
            assertThat(outcome.status()).as(outcome.err()).isZero();
            assertThat(outcome.err()).isEqualTo("ready vm.sock\n");
            List<String> events = outcome.out().lines().toList();
            assertThat(events.stream().map(line -> Json.object(line).get("event")))
                    .containsExactly("listening", "attached", "detached");
            assertThat(Json.object(events.get(1)))
                    .containsEntry("vm", 1L)
                    .containsEntry("pid", vmm.pid())
                    .containsEntry("bytes", PAGES * 4096L);
            assertThat(Json.object(events.get(2)))
                    .containsEntry("copied", 768L)
                    .containsEntry("removed", 20L)
                    .containsEntry("failed", 0L);
            assertThat(directory.resolve("vm.sock")).doesNotExist();
        }
    }

    @Test
    void aSignalGivesALivingVmAllOfItsMemory() throws Exception {
        try (Command.Running server = serve()) {
            Process vmm = vmm();
            try (PrintStream in = new PrintStream(vmm.getOutputStream(), true, StandardCharsets.UTF_8);
                    BufferedReader out = answers(vmm)) {
                in.println("read 0 10");
                assertThat(List.of(out.readLine(), out.readLine())).containsExactly("connected", "ok");

                signal(server, "TERM");

                assertThat(server.await(LIMIT).status()).isZero();
                assertThat(server.await(LIMIT).out()).contains("\"event\":\"released\"");
                in.println("remove 100 50");
                in.println("read 0 1024 2");
                assertThat(List.of(out.readLine(), out.readLine())).containsExactly("ok", "ok");
            } finally {
                vmm.destroyForcibly();
            }
        }
    }

    @Test
    void aKilledServersVmsAreTakenBackAndALivingOnesAreTakenOver() throws Exception {
        try (Command.Running first = serve("--state", "state")) {
            Process vmm = vmm();
            try (PrintStream in = new PrintStream(vmm.getOutputStream(), true, StandardCharsets.UTF_8);
                    BufferedReader out = answers(vmm)) {
                in.println("read 0 10");
                assertThat(List.of(out.readLine(), out.readLine())).containsExactly("connected", "ok");
                signal(first, "KILL");
                first.await(LIMIT);
                in.println("read 0 500 2");

                try (Command.Running second = serve("--state", "state")) {
                    assertThat(out.readLine()).isEqualTo("ok");
                    awaitText(second.out(), "\"event\":\"recovered\"");
                    try (Command.Running third = serve("--state", "state", "--take-over")) {
                        Command.Outcome outcome = second.await(LIMIT);
                        assertThat(outcome.status()).as(outcome.err()).isZero();
                        assertThat(outcome.out()).contains("\"event\":\"handed_over\"");
                        in.println("read 0 1024 2");
                        assertThat(out.readLine()).isEqualTo("ok");
                        signal(third, "TERM");
                        assertThat(third.await(LIMIT).status()).isZero();
                    }
                }
            } finally {
                vmm.destroyForcibly();
            }
        }
    }

    @Test
    void aServerIsToldWhatToDoAndSaysWhatItDoes() throws Exception {
        try (Command.Running server = serve("--track-dirty", "--control", "control.sock", "--metrics", "127.0.0.1:0")) {
            Process vmm = vmm();
            try (PrintStream in = new PrintStream(vmm.getOutputStream(), true, StandardCharsets.UTF_8);
                    BufferedReader out = answers(vmm)) {
                in.println("write 7 3");
                assertThat(List.of(out.readLine(), out.readLine())).containsExactly("connected", "ok");

                assertThat(Json.object(told("diff 1 diff")))
                        .containsEntry("ok", true)
                        .containsEntry("pages", 3L);
                assertThat(directory.resolve("diff")).hasSize(PAGES * 4096L);
                String address =
                        Files.readString(server.err()).lines().findFirst().orElseThrow();
                assertThat(address).matches("metrics http://127\\.0\\.0\\.1:\\d+/metrics");
                URI metrics = URI.create(address.substring("metrics ".length()));
                try (InputStream text = metrics.toURL().openStream()) {
                    assertThat(new String(text.readAllBytes(), StandardCharsets.UTF_8))
                            .contains("guestmem_faults_total{vm=\"1\"} 3\n");
                }
                assertThat(told("drain")).isEqualTo("{\"ok\":true}");

                assertThat(server.await(LIMIT).status()).isZero();
                assertThat(directory.resolve("control.sock")).doesNotExist();
                in.println("read 0 1024 2");
                assertThat(out.readLine()).isEqualTo("ok");
            } finally {
                vmm.destroyForcibly();
            }
        }
    }

    /** The answer to a command. */
    private String told(String command) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("control.sock")));
                BufferedReader answers = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8))) {
            channel.write(StandardCharsets.UTF_8.encode(command + "\n"));
            return answers.readLine();
        }
    }

    @Test
    void whatIsNoSnapshotIsSaid() throws Exception {
        Files.writeString(directory.resolve("memory"), "not whole pages");

        Command.Outcome outcome = Guestmem.command(directory, SERVE).run();

        assertThat(outcome.status()).isEqualTo(74);
        assertThat(outcome.err())
                .startsWith("guestmem: memory: 15 bytes, which is not a positive multiple of the page size\n");
    }

    /** A server that listens. */
    private Command.Running serve(String... more) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(SERVE));
        arguments.addAll(List.of(more));
        Command.Running running =
                Guestmem.command(directory, arguments.toArray(String[]::new)).start();
        awaitText(running.err(), "ready vm.sock");
        return running;
    }

    private Process vmm() throws IOException {
        return new ProcessBuilder(
                        Guestmem.JAVA.toString(),
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=io.guestmem.linux",
                        "-p",
                        Guestmem.JARS.toString(),
                        "-m",
                        "io.guestmem.pager/" + MockVmm.class.getName(),
                        directory.resolve("vm.sock").toString(),
                        String.valueOf(PAGES),
                        String.valueOf(HOLE_EVERY))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static List<String> orders(Process vmm, String... orders) throws IOException {
        try (PrintStream in = new PrintStream(vmm.getOutputStream(), true, StandardCharsets.UTF_8);
                BufferedReader out = answers(vmm)) {
            for (String order : orders) {
                in.println(order);
            }
            return out.lines().toList();
        } finally {
            vmm.destroyForcibly();
        }
    }

    private static BufferedReader answers(Process vmm) {
        return new BufferedReader(new InputStreamReader(vmm.getInputStream(), StandardCharsets.UTF_8));
    }

    private void signal(Command.Running running, String signal) throws IOException, InterruptedException {
        String pid = String.valueOf(running.process().pid());
        Command.of(directory, List.of("kill", "-" + signal, pid)).run();
    }

    private static void awaitText(Path file, String text) throws IOException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!Files.readString(file).contains(text)) {
            assertThat(deadline - System.nanoTime())
                    .as("time for " + text + " in " + Files.readString(file))
                    .isPositive();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }
}
