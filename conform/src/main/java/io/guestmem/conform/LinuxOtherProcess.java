package io.guestmem.conform;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.UnixListener;
import io.guestmem.linux.UnixSocket;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Another Java process that has some descriptors of this one: {@link OtherProcessMain}. */
final class LinuxOtherProcess implements HostActions.OtherProcess {
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final Process process;
    private final BufferedWriter orders;
    private final BufferedReader answers;

    private LinuxOtherProcess(Process process) {
        this.process = process;
        this.orders = new BufferedWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
        this.answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Starts it and hands the descriptors over. */
    static LinuxOtherProcess start(List<FileDescriptor> files) {
        Process process = null;
        try {
            Path directory = Files.createTempDirectory("guestmem-");
            Path path = directory.resolve("socket");
            try (UnixListener listener = UnixListener.listen(path, PosixFilePermissions.fromString("rw-------"))) {
                process = new ProcessBuilder(command(path, files.size()))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
                awaitConnection(listener, process);
                handOver(listener, files);
                return new LinuxOtherProcess(process);
            } finally {
                Files.delete(directory);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot start another process", failed);
        } catch (LinuxException | IllegalStateException failed) {
            if (process != null) {
                process.destroyForcibly();
            }
            throw failed;
        }
    }

    /** The same Java, and the same modules or class path, as this process. */
    private static List<String> command(Path socket, int descriptors) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-Xmx32m"));
        String main = OtherProcessMain.class.getName();
        Module module = OtherProcessMain.class.getModule();
        String modulePath = System.getProperty("jdk.module.path");
        if (module.isNamed() && modulePath != null) {
            command.addAll(List.of(
                    "--enable-native-access=io.guestmem.linux",
                    "--module-path",
                    modulePath,
                    "--module",
                    module.getName() + "/" + main));
        } else {
            command.addAll(List.of(
                    "--enable-native-access=ALL-UNNAMED",
                    "--class-path",
                    System.getProperty("java.class.path", ""),
                    main));
        }
        command.add(socket.toString());
        command.add(Integer.toString(descriptors));
        return command;
    }

    private static void awaitConnection(UnixListener listener, Process process) {
        long deadline = System.nanoTime() + Background.LIMIT.toNanos();
        while (Poll.await(listener.descriptor(), PollEvents.READABLE, POLL_NANOS)
                .isEmpty()) {
            if (!process.isAlive()) {
                throw new IllegalStateException("the other process ended with status " + process.exitValue());
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("the other process does not connect");
            }
        }
    }

    private static void handOver(UnixListener listener, List<FileDescriptor> files) {
        try (UnixSocket socket = listener.accept();
                Arena arena = Arena.ofConfined()) {
            SendResult sent = socket.send(arena.allocate(1), files.toArray(FileDescriptor[]::new));
            if (sent instanceof SendResult.Stopped stopped) {
                throw new LinuxException("sendmsg", stopped.errno(), files);
            }
        }
    }

    @Override
    public long ioctl(int file, int request, byte[] struct) {
        return ask("ioctl " + file + " " + request + " " + HexFormat.of().formatHex(struct));
    }

    @Override
    public long allocate(int file, int mode, long offset, long length) {
        return ask("allocate " + file + " " + mode + " " + offset + " " + length);
    }

    @Override
    public long mapAndStore(int file, long value) {
        return ask("store " + file + " " + value);
    }

    private long ask(String order) {
        try {
            orders.write(order);
            orders.newLine();
            orders.flush();
            for (String line = answers.readLine(); line != null; line = answers.readLine()) {
                // A JVM may have warnings of its own to print.
                if (line.startsWith(OtherProcessMain.ANSWER)) {
                    return Long.parseLong(line.substring(OtherProcessMain.ANSWER.length()));
                }
            }
            throw new IllegalStateException("the other process has gone");
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot talk to the other process", failed);
        }
    }

    /** Closes its input, which ends it, and waits for that. */
    @Override
    public void close() {
        try {
            orders.close();
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
            answers.close();
        } catch (IOException failed) {
            process.destroyForcibly();
            throw new UncheckedIOException("cannot end the other process", failed);
        } catch (InterruptedException _) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
