package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A page server in a process of its own, that can be killed. Closing it does that. */
final class ServerProcess implements AutoCloseable {
    private static final long LIMIT_SECONDS = 60;

    private final Process process;
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    private ServerProcess(Process process) {
        this.process = process;
        Thread.ofPlatform().name("events of a server").daemon().start(() -> {
            try (BufferedReader lines =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                lines.lines().forEach(events::add);
            } catch (IOException | UncheckedIOException _) {
                events.add("the end");
            }
        });
    }

    /**
     * The process: socket, snapshot, state directory, whether to take over, and what to do beside: prefetch, record:FILE or nothing.
     * Prints each event as a line.
     */
    public static void main(String[] arguments) throws IOException {
        ServerOptions options = ServerOptions.of(Path.of(arguments[0]), Path.of(arguments[1]))
                .state(Path.of(arguments[2]), Boolean.parseBoolean(arguments[3]));
        if (arguments[4].equals("prefetch")) {
            options = options.prefetching();
        } else if (arguments[4].startsWith("record:")) {
            Path file = Path.of(arguments[4].substring("record:".length()));
            options = options.workingSet(WorkingSetOptions.NONE.recording(file, Duration.ZERO, Duration.ZERO));
        }
        try (PageServer server = PageServer.open(options, event -> {
            System.out.println(event.kind() + " " + event.vm() + " " + event.text() + " " + event.numbers());
            System.out.flush();
        })) {
            server.serve();
        }
    }

    /** Starts one that prefetches. */
    static ServerProcess start(Path socket, Path snapshot, Path state, boolean takeOver) throws IOException {
        return start(socket, snapshot, state, takeOver, "prefetch");
    }

    /** Starts one that does something else beside. */
    static ServerProcess start(Path socket, Path snapshot, Path state, boolean takeOver, String beside)
            throws IOException {
        return new ServerProcess(MockVmmProcess.java(
                ServerProcess.class,
                socket.toString(),
                snapshot.toString(),
                state.toString(),
                String.valueOf(takeOver),
                beside));
    }

    /** Waits for an event that begins so, and returns its line. */
    String await(String beginning) throws InterruptedException {
        StringBuilder all = new StringBuilder();
        String line = events.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
        while (line != null && !line.startsWith(beginning)) {
            all.append(line).append('\n');
            line = events.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
        }
        assertThat(line).as("event %s behind:%n%s", beginning, all).isNotNull();
        return line;
    }

    /** Descriptors that it has open. */
    long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
            return open.count();
        }
    }

    /** Resident memory that is its own, in bytes: {@code RssAnon} of {@code /proc/PID/status}. */
    long ownMemory() throws IOException {
        return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
                .filter(line -> line.startsWith("RssAnon:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                .findFirst()
                .orElseThrow();
    }

    void kill() {
        process.destroyForcibly().onExit().join();
    }

    void awaitEnd() throws InterruptedException {
        assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS))
                .as("has ended")
                .isTrue();
        assertThat(process.exitValue()).isZero();
    }

    @Override
    public void close() {
        kill();
    }
}
