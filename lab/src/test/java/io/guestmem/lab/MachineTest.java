package io.guestmem.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The process and the ports of a machine, with a shell script in the place of QEMU: no end leaves a process behind. */
class MachineTest {
    private static final String SLEEP = "echo $$ > pid.new; mv pid.new pid; exec sleep 1000";
    private static final byte[] STARTED = "guestmem-lab: started\n".getBytes(StandardCharsets.US_ASCII);

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final ByteArrayOutputStream errors = new ByteArrayOutputStream();
    private Path directory;

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory("lab-test-");
    }

    @AfterEach
    void deleteDirectory() throws IOException {
        LabCache.delete(directory);
    }

    @Test
    void aMachineThatEndsAtOnceDiedInBootAndItsWordsAreKept() throws Exception {
        try (Machine machine = new Machine(directory, output, errors)) {
            assertThat(machine.run(standIn("echo bad option >&2; exit 1"), List.of(), Duration.ofMinutes(1)))
                    .isEqualTo(Machine.End.DIED_IN_BOOT);
        }
        assertThat(directory.resolve("qemu.log")).hasContent("bad option\n");
    }

    @Test
    void aTimeLimitKillsIt() throws Exception {
        try (Machine machine = new Machine(directory, output, errors)) {
            assertThat(machine.run(standIn(SLEEP), List.of(), Duration.ofSeconds(2)))
                    .isEqualTo(Machine.End.TIMED_OUT);
        }
        assertThat(isAlive()).isFalse();
    }

    @Test
    void anInterruptKillsIt() throws Exception {
        try (Machine machine = new Machine(directory, output, errors)) {
            FutureTask<Machine.End> run =
                    new FutureTask<>(() -> machine.run(standIn(SLEEP), List.of(), Duration.ofMinutes(5)));
            Thread thread = Thread.ofPlatform().name("lab-test-run").start(run);
            try (SocketChannel _ = connect("console")) {
                awaitPid();
                thread.interrupt();
                assertThatThrownBy(run::get).hasCauseInstanceOf(InterruptedException.class);
            }
        }
        assertThat(isAlive()).isFalse();
    }

    @Test
    void eachPortGoesToItsStream() throws Exception {
        try (Machine machine = new Machine(directory, output, errors)) {
            FutureTask<Machine.End> run = new FutureTask<>(() ->
                    machine.run(standIn("until [ -e end ]; do sleep 0.05; done"), List.of(), Duration.ofMinutes(5)));
            Thread.ofPlatform().name("lab-test-run").start(run);
            send("output", "to stdout\n\0\r".getBytes(StandardCharsets.US_ASCII));
            send("errors", "to stderr".getBytes(StandardCharsets.US_ASCII));
            send("console", STARTED);
            Files.createFile(directory.resolve("end"));

            assertThat(run.get()).isEqualTo(Machine.End.ENDED);
        }
        assertThat(output.toString(StandardCharsets.US_ASCII)).isEqualTo("to stdout\n\0\r");
        assertThat(errors.toString(StandardCharsets.US_ASCII)).isEqualTo("to stderr");
        assertThat(directory.resolve("console.log")).hasBinaryContent(STARTED);
    }

    @Test
    void anOutputThatCannotBeWrittenEndsIt() throws Exception {
        OutputStream closed = new OutputStream() {
            @Override
            public void write(int value) throws IOException {
                throw new IOException("Broken pipe");
            }
        };
        try (Machine machine = new Machine(directory, closed, errors)) {
            FutureTask<Machine.End> run =
                    new FutureTask<>(() -> machine.run(standIn(SLEEP), List.of(), Duration.ofMinutes(5)));
            Thread.ofPlatform().name("lab-test-run").start(run);
            awaitPid();
            send("console", STARTED);
            send("output", new byte[] {1});

            assertThatThrownBy(run::get).hasCauseInstanceOf(IOException.class).hasRootCauseMessage("Broken pipe");
        }
        assertThat(isAlive()).isFalse();
    }

    @Test
    void aTextIsSeenOnceThoughItComesInPieces() throws IOException {
        List<String> seen = new ArrayList<>();
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        try (LineWatch watch = new LineWatch(sink, "abc", () -> seen.add("seen"))) {
            watch.write("aab".getBytes(StandardCharsets.US_ASCII));
            assertThat(seen).isEmpty();
            watch.write("cabc".getBytes(StandardCharsets.US_ASCII));
        }
        assertThat(seen).hasSize(1);
        assertThat(sink.toString(StandardCharsets.US_ASCII)).isEqualTo("aabcabc");
    }

    private static DebianTools.Qemu standIn(String script) {
        return new DebianTools.Qemu(List.of("/bin/sh", "-c", script), Map.of());
    }

    private boolean isAlive() throws IOException {
        long pid = Long.parseLong(Files.readString(directory.resolve("pid")).strip());
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    private void send(String port, byte[] bytes) throws IOException {
        try (SocketChannel channel = connect(port)) {
            channel.write(ByteBuffer.wrap(bytes));
        }
    }

    private SocketChannel connect(String port) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(directory.resolve(port)));
        return channel;
    }

    private void awaitPid() throws IOException, InterruptedException {
        try (WatchService watch = directory.getFileSystem().newWatchService()) {
            directory.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
            while (!Files.exists(directory.resolve("pid"))) {
                watch.take().reset();
            }
        }
    }
}
