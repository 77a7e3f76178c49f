package io.guestmem.shell;

import io.guestmem.abi.Kernel;
import io.guestmem.soft.KernelSnapshot;
import io.guestmem.soft.MemoryUse;
import io.guestmem.soft.SeededSchedule;
import io.guestmem.soft.SoftKernel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * How to fuzz.
 *
 * @param seed of the first round; every round adds 1, so that the seed of a failure reproduces it at once
 * @param calls to make at most
 * @param limit of time
 * @param threads that call at once, 1 or more
 * @param scope what may be called
 * @param held what the kernel holds, by name: it must be after a round what it was before
 * @param schedule of the software kernel, which then runs one thread at a time, in an order that the seed decides; no guest runs,
 *     for its end is a matter of time. Empty to let threads run freely
 */
public record FuzzSettings(
        long seed,
        long calls,
        Duration limit,
        int threads,
        Scope scope,
        Supplier<Map<String, Long>> held,
        Optional<SeededSchedule> schedule) {
    /** What may be called. */
    public enum Scope {
        /** Requests whose worst answer is an errno: for the real kernel, on which the machine itself runs. No guest runs. */
        SAFE,
        /** Any request code with any bytes, and guests of random code: for a kernel that may not believe anything. */
        EVERYTHING
    }

    /** Checks the ranges. */
    public FuzzSettings {
        if (calls < 1 || threads < 1) {
            throw new IllegalArgumentException(calls + " calls on " + threads + " threads");
        }
    }

    /** What fits a kernel: everything on the software kernel, what is safe on any other. */
    public static FuzzSettings of(Kernel kernel, long seed, long calls, Duration limit, int threads) {
        return kernel instanceof SoftKernel soft
                ? new FuzzSettings(seed, calls, limit, threads, Scope.EVERYTHING, () -> held(soft), Optional.empty())
                : new FuzzSettings(
                        seed, calls, limit, threads, Scope.SAFE, FuzzSettings::descriptors, Optional.empty());
    }

    /** The same with threads that a schedule runs, one at a time. */
    public FuzzSettings scheduledBy(SeededSchedule seeded) {
        return new FuzzSettings(seed, calls, limit, threads, scope, held, Optional.of(seeded));
    }

    private static Map<String, Long> held(SoftKernel kernel) {
        KernelSnapshot inside = kernel.inspect();
        long memory = inside.processes().stream()
                .mapToLong(process -> process.memory().size())
                .sum();
        MemoryUse use = kernel.memoryUse();
        return Map.of(
                "VMs",
                (long) inside.machines().size(),
                "runs of host pages",
                memory,
                "frames",
                use.frames() - use.poisonedFrames(),
                "kernel bytes",
                use.kernelBytes());
    }

    private static Map<String, Long> descriptors() {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return Map.of("descriptors", open.count());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
