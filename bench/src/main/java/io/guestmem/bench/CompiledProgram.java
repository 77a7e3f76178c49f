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

/** A C program among the resources, compiled by gcc into a directory of its own that is gone after {@link #close}. */
final class CompiledProgram implements AutoCloseable {
    static final String NO_COMPILER = "there is no gcc in PATH to compile the C side with";

    private final Path directory;
    private final Path source;
    private final Path program;

    private CompiledProgram(Path directory, String source) {
        this.directory = directory;
        this.source = directory.resolve(source);
        this.program = directory.resolve("program");
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
     * Compiles one with {@code -O2} by the gcc in {@code PATH}.
     *
     * @param source name of the resource
     * @param libraries that it is linked with, as in {@code -laddrxlat}
     * @throws BenchmarkException if there is no gcc, or it refuses, with what it says
     */
    static CompiledProgram compile(String source, String... libraries) {
        return compile(compiler().orElseThrow(() -> new BenchmarkException(NO_COMPILER)), source, libraries);
    }

    /** The same by another compiler. */
    static CompiledProgram compile(Path compiler, String source, String... libraries) {
        try {
            CompiledProgram program =
                    new CompiledProgram(Files.createTempDirectory("guestmem-bench-"), source);
            try {
                program.build(compiler, List.of(libraries));
                return program;
            } catch (IOException | RuntimeException failed) {
                program.close();
                throw failed;
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Writes a resource to a file. */
    static void copyResource(String name, Path to) throws IOException {
        try (InputStream text = Objects.requireNonNull(CompiledProgram.class.getResourceAsStream(name), name)) {
            Files.copy(text, to);
        }
    }

    private void build(Path compiler, List<String> libraries) throws IOException {
        copyResource(source.getFileName().toString(), source);
        List<String> words = new ArrayList<>(
                List.of(compiler.toString(), "-O2", "-Wall", "-o", program.toString(), source.toString()));
        words.addAll(libraries);
        new Command(words).run();
    }

    /** The executable file. */
    Path path() {
        return program;
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
