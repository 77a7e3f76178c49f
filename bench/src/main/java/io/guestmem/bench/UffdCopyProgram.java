package io.guestmem.bench;

import java.nio.file.Path;

/**
 * The C program {@code uffd_copy.c}.
 *
 * @param compiled by gcc
 */
record UffdCopyProgram(CompiledProgram compiled) implements AutoCloseable {
    private static final String SOURCE = "uffd_copy.c";

    /**
     * Compiles it.
     *
     * @throws BenchmarkException if gcc refuses, with what it says
     */
    static UffdCopyProgram compile(Path compiler) {
        return new UffdCopyProgram(CompiledProgram.compile(compiler, SOURCE));
    }

    /**
     * Runs it in a process of its own.
     *
     * @param bytes to copy, a multiple of the page size
     * @param piece bytes an ioctl, a multiple of the page size
     */
    UffdCopy run(long bytes, long piece) {
        Command.Run run =
                new Command(compiled.path().toString(), Long.toString(bytes), Long.toString(piece)).run();
        String[] words = run.output().strip().split(" ", -1);
        return new UffdCopy(Long.parseLong(words[0]), Long.parseLong(words[1]));
    }

    @Override
    public void close() {
        compiled.close();
    }
}
