package io.guestmem.bench;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where page servers are compared: a snapshot, the C programs, and a directory for sockets. The client is the same for everybody who
 * serves, and checks what it gets. Closing removes all, but ends no process.
 */
final class PagerField implements AutoCloseable {
    /** Runs anywhere. */
    static final int ANYWHERE = -1;

    static final long PAGE = 4096;
    private static final int PAGES_A_WRITE = 256;
    private static final long LEAST_BYTES = 256 << 20;

    private final Path directory;
    private final CProgram client;
    private final CProgram handler;
    private final long pages;
    private int sockets;

    private PagerField(Path directory, CProgram client, CProgram handler, long pages) {
        this.directory = directory;
        this.client = client;
        this.handler = handler;
        this.pages = pages;
    }

    /** Why this host cannot run it; empty if it can. */
    static Optional<String> unavailable() {
        for (String program : List.of("gcc", "taskset")) {
            if (CProgram.program(program).isEmpty()) {
                return Optional.of("there is no " + program + " in PATH");
            }
        }
        try (Userfaultfd _ = Userfaultfd.openBySystemCall(FaultScope.USER_AND_KERNEL)) {
            return Optional.empty();
        } catch (LinuxException refused) {
            return Optional.of(refused.getMessage());
        }
    }

    /**
     * Makes it.
     *
     * @param bytes of the snapshot and of each VM; rounded down to a power of 2, and at least 256 MiB: a VM must still have pages to
     *     ask for when all are prefetched, or when a second server has started
     */
    static PagerField create(long bytes) {
        Path compiler = CProgram.compiler().orElseThrow(() -> new BenchmarkException("there is no gcc in PATH"));
        CProgram client = CProgram.compile(compiler, "pager_client");
        CProgram handler = CProgram.compile(compiler, "pager_handler");
        try {
            PagerField field = new PagerField(
                    Files.createTempDirectory("guestmem-bench-"),
                    client,
                    handler,
                    Long.highestOneBit(Math.max(LEAST_BYTES, bytes) / PAGE));
            field.writeSnapshot();
            return field;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** The first processor that this process may use. */
    static int firstCpu() {
        return cpus().getFirst();
    }

    /** The last processor that this process may use; the first again if there is but one. */
    static int lastCpu() {
        return cpus().getLast();
    }

    /** The ends of the ranges of {@code Cpus_allowed_list}. */
    private static List<Integer> cpus() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
            String allowed = lines.filter(line -> line.startsWith("Cpus_allowed_list:"))
                    .findFirst()
                    .orElseThrow();
            return Arrays.stream(allowed.replaceFirst(".*:", "").strip().split("[,-]", -1))
                    .map(Integer::valueOf)
                    .toList();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Every word of page i is i + 1. */
    private void writeSnapshot() throws IOException {
        ByteBuffer some = ByteBuffer.allocate((int) (PAGES_A_WRITE * PAGE)).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel file = FileChannel.open(snapshot(), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (long page = 0; page < pages; page += PAGES_A_WRITE) {
                some.clear();
                for (int word = 0; word < some.capacity() / Long.BYTES; word++) {
                    some.putLong(page + word / (PAGE / Long.BYTES) + 1);
                }
                some.flip().limit((int) (Math.min(PAGES_A_WRITE, pages - page) * PAGE));
                while (some.hasRemaining()) {
                    file.write(some);
                }
            }
        }
    }

    Path snapshot() {
        return directory.resolve("snapshot");
    }

    Path directory() {
        return directory;
    }

    long pages() {
        return pages;
    }

    /** A server and where it listens. */
    record Server(LineProcess process, Path socket) implements AutoCloseable {
        @Override
        public void close() {
            process.close();
        }
    }

    /** Our server, warm and listening. */
    Server ours(int cpu, boolean prefetch) {
        Path socket = freshSocket();
        return listening(on(cpu, PageServerProgram.command(socket, snapshot(), prefetch ? "all" : "none")), socket);
    }

    /** The C handler, listening. */
    Server bare(int cpu, boolean populates) {
        Path socket = freshSocket();
        List<String> words =
                populates ? handler.with(socket, snapshot(), "populate") : handler.with(socket, snapshot());
        return listening(on(cpu, words), socket);
    }

    /** A C handler that takes the VM of a dead one. */
    LineProcess bareSuccessor(long pid, String address) {
        return LineProcess.start(handler.with(freshSocket(), snapshot(), pid, address));
    }

    Path freshSocket() {
        return directory.resolve("socket-" + sockets++);
    }

    /** A server that listens when it says so. */
    Server listening(List<String> words, Path socket) {
        LineProcess process = LineProcess.start(words);
        try {
            process.await("listening");
            return new Server(process, socket);
        } catch (RuntimeException failed) {
            process.close();
            throw failed;
        }
    }

    private static List<String> on(int cpu, List<String> words) {
        List<String> pinned = new ArrayList<>();
        if (cpu != ANYWHERE) {
            pinned.addAll(List.of("taskset", "-c", String.valueOf(cpu)));
        }
        pinned.addAll(words);
        return pinned;
    }

    /** Runs a client to its end: the numbers of its last line. */
    long[] run(Server server, long vmPages, int cpu, String order, long number) {
        String output = new Command(clientOf(server, vmPages, cpu, order, number))
                .run()
                .output()
                .strip();
        return numbers(output.substring(output.lastIndexOf('\n') + 1));
    }

    /** Starts a client that says {@code served ADDRESS} when its first page is there. */
    LineProcess start(Server server, long vmPages, int cpu, String order, long number) {
        return LineProcess.start(clientOf(server, vmPages, cpu, order, number));
    }

    private List<String> clientOf(Server server, long vmPages, int cpu, String order, long number) {
        return client.with(server.socket(), vmPages, cpu, order, number);
    }

    static long[] numbers(String line) {
        return Arrays.stream(line.split(" ", -1)).mapToLong(Long::parseLong).toArray();
    }

    @Override
    public void close() {
        client.close();
        handler.close();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
