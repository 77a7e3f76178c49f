package io.guestmem.bench;

import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How near copying into guarded memory comes to a C program that does the same, in pieces of 2 MiB.
 *
 * <p>The figures are those of the best rounds: a round shares the memory bus with everybody else on the machine, who can only
 * slow it down. On a busy virtual machine, in seven runs of 11 rounds of 512 MiB, the ratio of the medians went from 0.88 to 1.18
 * and that of the best rounds from 0.96 to 1.09; in six runs of 21 rounds of 256 MiB, from 0.96 to 1.00 and from 0.99 to 1.01.
 */
final class UffdCopyBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.ratioAtLeast(0.95));
    private static final String NO_COMPILER = "there is no gcc in PATH to compile the C side with";

    /** Source and destination, and as much again for everybody else. */
    private static final int MEMORY_SHARE = 4;

    @Override
    public String name() {
        return "uffd-copy";
    }

    @Override
    public String what() {
        return "UFFDIO_COPY in pieces of 2 MiB into fresh memory, against a C loop compiled with gcc -O2";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        if (CProgram.compiler().isEmpty()) {
            return Optional.of(NO_COMPILER);
        }
        if (bytes(settings) == 0) {
            return Optional.of("there is no memory to copy: MemAvailable is " + availableMemory());
        }
        try (Userfaultfd _ = Userfaultfd.openBySystemCall(FaultScope.USER_ONLY)) {
            return Optional.empty();
        } catch (LinuxException refused) {
            return Optional.of(refused.getMessage());
        }
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        Path compiler = CProgram.compiler().orElseThrow(() -> new BenchmarkException(NO_COMPILER));
        long bytes = bytes(settings);
        try (CProgram program = CProgram.compile(compiler, UffdCopy.PROGRAM)) {
            return SideBySide.measure(
                            () -> whole(UffdCopy.run(bytes, BenchmarkSettings.PIECE), bytes),
                            () -> whole(UffdCopy.run(program, bytes, BenchmarkSettings.PIECE), bytes),
                            settings)
                    .most(name(), "GiB/s", BOUNDS, settings, (bytes >> 20) + " MiB a round");
        }
    }

    private static double whole(UffdCopy copy, long bytes) {
        if (copy.bytes() != bytes) {
            throw new BenchmarkException("copied " + copy.bytes() + " of " + bytes + " bytes");
        }
        return copy.gibibytesPerSecond();
    }

    private static long bytes(BenchmarkSettings settings) {
        long most = availableMemory() / MEMORY_SHARE / BenchmarkSettings.PIECE * BenchmarkSettings.PIECE;
        return Math.min(settings.copyBytes(), most);
    }

    /** {@code MemAvailable} of {@code /proc/meminfo}, in bytes. */
    private static long availableMemory() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                    .findFirst()
                    .orElse(0);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
