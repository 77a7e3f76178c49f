package io.guestmem.bench;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;

/** The C program {@code uffd_copy.c}, compiled by gcc into a directory of its own that is gone after {@link #close}. */
final class UffdCopyProgram implements AutoCloseable {
    private static final String SOURCE = "uffd_copy.c";

    private final Path directory;
    private final Path source;
    private final Path program;

    private UffdCopyProgram(Path directory) {
        this.directory = directory;
        this.source = directory.resolve(SOURCE);
        this.program = directory.resolve("uffd_copy");
    }

    /** Where gcc is; empty if {@code PATH} has none. */
    static Optional<Path> compiler() {
        String path = Objects.requireNonNullElse(System.getenv("PATH"), "");
        return Arrays.stream(path.split(File.pathSeparator))
                .map(directory -> Path.of(directory, "gcc"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Compiles it with {@code -O2}.
     *
     * @throws BenchmarkException if gcc refuses, with what it says
     */
    static UffdCopyProgram compile(Path compiler) {
        try {
            UffdCopyProgram program = new UffdCopyProgram(Files.createTempDirectory("guestmem-bench-"));
            try {
                program.build(compiler);
                return program;
            } catch (IOException | RuntimeException failed) {
                program.close();
                throw failed;
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void build(Path compiler) throws IOException {
        try (InputStream text = Objects.requireNonNull(UffdCopyProgram.class.getResourceAsStream(SOURCE), SOURCE)) {
            Files.copy(text, source);
        }
        new Command(compiler.toString(), "-O2", "-Wall", "-o", program.toString(), source.toString()).run();
    }

    /**
     * Runs it in a process of its own.
     *
     * @param bytes to copy, a multiple of the page size
     * @param piece bytes an ioctl, a multiple of the page size
     */
    UffdCopy run(long bytes, long piece) {
        Command.Run run = new Command(program.toString(), Long.toString(bytes), Long.toString(piece)).run();
        String[] words = run.output().strip().split(" ", -1);
        return new UffdCopy(Long.parseLong(words[0]), Long.parseLong(words[1]));
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(program);
            Files.deleteIfExists(source);
            Files.delete(directory);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
