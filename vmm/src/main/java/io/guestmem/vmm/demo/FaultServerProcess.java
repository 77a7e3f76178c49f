package io.guestmem.vmm.demo;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.UnixListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The first process's side of {@link FaultServer}: starts it, hands over, asks, and ends it. */
final class FaultServerProcess implements AutoCloseable {
    private static final long START_LIMIT_SECONDS = 120;
    private static final long END_LIMIT_SECONDS = 10;
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final Process process;
    private final CommandChannel channel;

    private FaultServerProcess(Process process, CommandChannel channel) {
        this.process = process;
        this.channel = channel;
    }

    /** Starts the second process and waits until it is ready to serve. */
    static FaultServerProcess start(FileDescriptor userfaultfd, GuestImage image, GuardedMapping mapping) {
        Path directory = temporaryDirectory();
        Path path = directory.resolve("socket");
        Process process = null;
        try (UnixListener listener = UnixListener.listen(path, PosixFilePermissions.fromString("rw-------"))) {
            process = new ProcessBuilder(command(path))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            process.getOutputStream().close();
            awaitConnection(listener, process);
            return new FaultServerProcess(process, new CommandChannel(listener.accept()))
                    .handOver(userfaultfd, image, mapping);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot start a second process", failed);
        } catch (RuntimeException failed) {
            if (process != null) {
                destroy(process);
            }
            throw failed;
        } finally {
            delete(directory);
        }
    }

    private FaultServerProcess handOver(FileDescriptor userfaultfd, GuestImage image, GuardedMapping mapping) {
        try {
            channel.send(
                    "serve " + mapping.address() + " " + mapping.length() + " " + image.content(),
                    userfaultfd,
                    image.file());
            expect("ready");
            return this;
        } catch (RuntimeException failed) {
            close();
            throw failed;
        }
    }

    private static Path temporaryDirectory() {
        try {
            return Files.createTempDirectory("guestmem-");
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot make a temporary directory", failed);
        }
    }

    private static void delete(Path directory) {
        try {
            Files.delete(directory);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot remove " + directory, failed);
        }
    }

    /** The same Java, and the same modules or class path, as this process. */
    private static List<String> command(Path socket) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED"));
        String main = FaultServer.class.getName();
        Module module = FaultServer.class.getModule();
        if (module.isNamed()) {
            command.add("--enable-native-access=io.guestmem.linux");
            String modulePath = System.getProperty("jdk.module.path");
            if (modulePath != null) {
                command.addAll(List.of("--module-path", modulePath));
            }
            command.addAll(List.of("--module", module.getName() + "/" + main));
        } else {
            command.addAll(List.of("--class-path", System.getProperty("java.class.path", ""), main));
        }
        command.add(socket.toString());
        return command;
    }

    private static void awaitConnection(UnixListener listener, Process process) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_LIMIT_SECONDS);
        while (Poll.await(listener.descriptor(), PollEvents.READABLE, POLL_NANOS)
                .isEmpty()) {
            if (!process.isAlive()) {
                throw new PopulationException("the second process ended with status " + process.exitValue());
            }
            if (System.nanoTime() > deadline) {
                throw new PopulationException(
                        "the second process did not connect within " + START_LIMIT_SECONDS + " seconds");
            }
        }
    }

    /** Has all memory copied in; returns when it is. */
    void populate() {
        channel.send("populate");
        expect("populated");
    }

    /** Faults that it has served. */
    long servedFaults() {
        channel.send("count");
        return Long.parseLong(expect("served").get(1));
    }

    private List<String> expect(String answer) {
        Optional<CommandChannel.Message> message = channel.receive();
        if (message.isEmpty()) {
            throw new PopulationException("the second process has gone");
        }
        List<String> words = message.get().words();
        if (!words.getFirst().equals(answer)) {
            throw new PopulationException("the second process " + String.join(" ", words));
        }
        return words;
    }

    /** Closes the connection, which ends the process, and waits for that. */
    @Override
    public void close() {
        channel.close();
        try {
            if (process.waitFor(END_LIMIT_SECONDS, TimeUnit.SECONDS)) {
                return;
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        destroy(process);
    }

    private static void destroy(Process process) {
        process.destroyForcibly().onExit().join();
    }
}
