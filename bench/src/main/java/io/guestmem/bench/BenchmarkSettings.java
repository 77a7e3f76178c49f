package io.guestmem.bench;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How much to measure.
 *
 * @param warmUps rounds before those that count, 0 or more
 * @param rounds rounds that count, 1 or more; each is one turn of both sides
 * @param loopTime how long a side of an ioctl benchmark repeats its call in a round, positive
 * @param copyBytes what {@code uffd-copy} and the populator's benchmarks copy or map in a round: a positive multiple of
 *     2 MiB. {@code uffd-copy} copies less if memory is scarce
 * @param guestBytes the guest memory of the benchmarks of the software kernel, a positive multiple of 4 MiB; {@code
 *     soft-pre-fault-1tib} and {@code soft-table-size} have multiples of it
 * @param startCommand the command that {@code doctor-start} measures; empty if there is none
 */
public record BenchmarkSettings(
        int warmUps, int rounds, Duration loopTime, long copyBytes, long guestBytes, List<String> startCommand) {
    static final long MIB = 1L << 20;
    static final long PIECE = 2 * MIB;

    private static final String ROOT = "guestmem.root";

    /** Copies the command and checks the ranges. */
    public BenchmarkSettings {
        startCommand = List.copyOf(startCommand);
        require(warmUps >= 0, "warm-up rounds", warmUps);
        require(rounds >= 1, "rounds", rounds);
        require(loopTime.isPositive(), "a time for a loop", loopTime);
        require(copyBytes > 0 && copyBytes % PIECE == 0, "a multiple of 2 MiB", copyBytes);
        require(guestBytes > 0 && guestBytes % (2 * PIECE) == 0, "a multiple of 4 MiB", guestBytes);
    }

    private static void require(boolean valid, String what, Object value) {
        if (!valid) {
            throw new IllegalArgumentException("not " + what + ": " + value);
        }
    }

    /**
     * What {@code guestmem bench} measures by default, in about two minutes. The start command is {@code guestmem doctor --json} of
     * the checkout that the system property {@code guestmem.root} names; the launcher sets it.
     */
    public static BenchmarkSettings standard() {
        List<String> command = Optional.ofNullable(System.getProperty(ROOT))
                .map(root -> List.of(Path.of(root, "guestmem").toString(), "doctor", "--json"))
                .orElse(List.of());
        return new BenchmarkSettings(3, 21, Duration.ofMillis(100), 256L << 20, 1L << 30, command);
    }

    /** The same with another command for {@code doctor-start}. */
    public BenchmarkSettings withStartCommand(List<String> command) {
        return new BenchmarkSettings(warmUps, rounds, loopTime, copyBytes, guestBytes, command);
    }

    /** The same with another number of rounds that count. */
    public BenchmarkSettings withRounds(int count) {
        return new BenchmarkSettings(warmUps, count, loopTime, copyBytes, guestBytes, startCommand);
    }
}
