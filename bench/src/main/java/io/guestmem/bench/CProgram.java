package io.guestmem.bench;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** A C program of this package, compiled by gcc into a directory of its own that is gone after {@link #close}. */
final class CProgram implements AutoCloseable {
    private final Path directory;
    private final Path source;
    private final Path program;

    private CProgram(Path directory, String name) {
        this.directory = directory;
        this.source = directory.resolve(name + ".c");
        this.program = directory.resolve(name);
    }

    /** Where gcc is; empty if {@code PATH} has none. */
    static Optional<Path> compiler() {
        return program("gcc");
    }

    /** Where a program is; empty if {@code PATH} does not have it. */
    static Optional<Path> program(String name) {
        String path = Objects.requireNonNullElse(System.getenv("PATH"), "");
        return Arrays.stream(path.split(File.pathSeparator))
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Compiles {@code name.c} with {@code -O2}.
     *
     * @throws BenchmarkException if gcc refuses, with what it says
     */
    static CProgram compile(Path compiler, String name) {
        try {
            CProgram program = new CProgram(Files.createTempDirectory("guestmem-bench-"), name);
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
        String name = source.getFileName().toString();
        try (InputStream text = Objects.requireNonNull(CProgram.class.getResourceAsStream(name), name)) {
            Files.copy(text, source);
        }
        new Command(compiler.toString(), "-O2", "-Wall", "-pthread", "-o", program.toString(), source.toString()).run();
    }

    /** It with arguments: each as its text. */
    List<String> with(Object... arguments) {
        List<String> words = new ArrayList<>();
        words.add(program.toString());
        Arrays.stream(arguments).map(String::valueOf).forEach(words::add);
        return words;
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
