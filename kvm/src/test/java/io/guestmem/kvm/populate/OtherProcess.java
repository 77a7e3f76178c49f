package io.guestmem.kvm.populate;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.UnixListener;
import io.guestmem.linux.UnixSocket;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A second JVM that runs {@link OtherProcessMain}, connected by a unix socket. Closing it waits for its end. */
final class OtherProcess implements AutoCloseable {
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final Process process;
    private final UnixSocket socket;

    private OtherProcess(Process process, UnixSocket socket) {
        this.process = process;
        this.socket = socket;
    }

    /** The user that this process runs as. */
    static int uid() throws IOException {
        return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    }

    /** Starts it in a directory of the test's own. */
    static OtherProcess start(Path directory, String order) throws IOException {
        Path path = directory.resolve("socket-" + System.nanoTime());
        try (UnixListener listener = UnixListener.listen(path, PosixFilePermissions.fromString("rw-------"))) {
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-XX:TieredStopAtLevel=1",
                            "-XX:+UseSerialGC",
                            "-Xmx64m",
                            "--enable-native-access=ALL-UNNAMED",
                            "--class-path",
                            classPath(),
                            OtherProcessMain.class.getName(),
                            path.toString(),
                            Integer.toString(uid()),
                            order)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            if (Poll.await(listener.descriptor(), PollEvents.READABLE, LIMIT_NANOS)
                    .isEmpty()) {
                process.destroyForcibly();
                throw new IllegalStateException("the other process does not connect");
            }
            return new OtherProcess(process, listener.accept());
        }
    }

    /** The build runs tests as a module with this room's test classes patched in; the lab has everything on the class path. */
    private static String classPath() {
        String classes = System.getProperty("java.class.path", "");
        String modules = System.getProperty("jdk.module.path");
        if (modules == null) {
            return classes;
        }
        Path tests = Path.of(System.getProperty("guestmem.root", "."), "kvm", "target", "test-classes");
        return String.join(":", List.of(modules, tests.toString(), classes));
    }

    UnixSocket socket() {
        return socket;
    }

    /** What it says in the end: lines that begin with {@code =}, without that. */
    List<String> answers() throws IOException {
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            return output.lines()
                    .filter(line -> line.startsWith("="))
                    .map(line -> line.substring(1))
                    .toList();
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("it ended").isTrue();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        } finally {
            process.destroyForcibly();
        }
    }
}
