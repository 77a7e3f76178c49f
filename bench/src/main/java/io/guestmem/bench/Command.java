package io.guestmem.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program with its arguments, run to its end. */
record Command(List<String> words) {
    /** The first run of the launcher builds the project. */
    private static final Duration LIMIT = Duration.ofMinutes(10);

    /**
     * A run that ended with status 0.
     *
     * @param output what it wrote to both streams
     * @param nanos from before its start until after its end
     */
    record Run(String output, long nanos) {}

    Command(String... words) {
        this(List.of(words));
    }

    /**
     * Runs it.
     *
     * @throws BenchmarkException if it could not be started, did not end with status 0, or took longer than ten minutes
     */
    Run run() {
        try {
            Path output = Files.createTempFile("guestmem-bench-", ".out");
            try {
                return run(output);
            } finally {
                Files.delete(output);
            }
        } catch (IOException failed) {
            throw new BenchmarkException(this + ": " + failed.getMessage(), failed);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new BenchmarkException(this + ": interrupted", interrupted);
        }
    }

    /** The output goes to a file, so that nobody has to empty a pipe while the clock runs. */
    private Run run(Path output) throws IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(output.toFile());
        long start = System.nanoTime();
        Process process = builder.start();
        try {
            process.getOutputStream().close();
            if (!process.waitFor(LIMIT.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new BenchmarkException(this + ": not done within " + LIMIT.toMinutes() + " minutes");
            }
            long nanos = System.nanoTime() - start;
            String said = Files.readString(output);
            if (process.exitValue() != 0) {
                throw new BenchmarkException(this + ": exit status " + process.exitValue() + ": " + said.strip());
            }
            return new Run(said, nanos);
        } finally {
            process.destroyForcibly();
        }
    }

    @Override
    public String toString() {
        return String.join(" ", words);
    }
}
