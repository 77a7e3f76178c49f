package io.guestmem.shell;

import io.guestmem.abi.Kernel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Calls a kernel at random and looks for what it must never do: an exception out of the seam, an answer that is neither a result
 * nor an errno, a descriptor given away twice, anything that is not given back when all files are closed.
 *
 * <p>It works in rounds, each with files and memory of its own, so that a failure is at most a round away from its seed. The
 * calls that led to a failure are performed again without each other until none can be left out.
 */
public final class Fuzzer {
    private static final long CALLS_PER_ROUND = 2000;
    private static final int MOST_REPLAYS = 1500;

    private Fuzzer() {}

    /**
     * Fuzzes until the calls are made, the time is up, or a failure is found.
     *
     * @throws io.guestmem.abi.KernelUnavailableException if there is no such kernel here
     */
    public static FuzzOutcome run(Kernel kernel, FuzzSettings settings) {
        kernel.open().close();
        SortedMap<String, SortedMap<String, Long>> results = new TreeMap<>();
        long start = System.nanoTime();
        long made = 0;
        Optional<FuzzOutcome.Failure> failure = Optional.empty();
        for (long seed = settings.seed();
                made < settings.calls()
                        && System.nanoTime() - start < settings.limit().toNanos()
                        && failure.isEmpty();
                seed++) {
            FuzzRound round = new FuzzRound(kernel, settings);
            long left = Math.min(CALLS_PER_ROUND, settings.calls() - made);
            round.random(seed, Math.ceilDiv(left, settings.threads()));
            made += round.calls().size();
            FuzzRound.merge(results, round.results());
            long failed = seed;
            failure = round.finding().map(what -> failure(kernel, settings, failed, what, round.calls()));
        }
        Duration time = Duration.ofNanos(System.nanoTime() - start);
        return new FuzzOutcome(settings.seed(), made, time, results, failure);
    }

    private static FuzzOutcome.Failure failure(
            Kernel kernel, FuzzSettings settings, long seed, String what, List<FuzzCall> calls) {
        FuzzRound again = new FuzzRound(kernel, settings);
        List<String> all = again.replay(calls);
        if (again.finding().isEmpty()) {
            return new FuzzOutcome.Failure(seed, what, false, all);
        }
        List<FuzzCall> shrunk = shrink(kernel, settings, calls);
        FuzzRound last = new FuzzRound(kernel, settings);
        List<String> text = last.replay(shrunk);
        return new FuzzOutcome.Failure(
                seed, last.finding().orElse(what), last.finding().isPresent(), text);
    }

    /** Drops ever smaller pieces as long as what is left still fails. */
    private static List<FuzzCall> shrink(Kernel kernel, FuzzSettings settings, List<FuzzCall> calls) {
        List<FuzzCall> shortest = calls;
        int replays = 0;
        for (int piece = Math.max(1, shortest.size() / 2); replays < MOST_REPLAYS; ) {
            boolean dropped = false;
            for (int from = 0; from < shortest.size() && replays < MOST_REPLAYS; replays++) {
                List<FuzzCall> without = new ArrayList<>(shortest.subList(0, from));
                without.addAll(shortest.subList(Math.min(shortest.size(), from + piece), shortest.size()));
                if (fails(kernel, settings, without)) {
                    shortest = without;
                    dropped = true;
                } else {
                    from += piece;
                }
            }
            if (piece == 1 && !dropped) {
                break;
            }
            piece = Math.max(1, piece / 2);
        }
        return shortest;
    }

    private static boolean fails(Kernel kernel, FuzzSettings settings, List<FuzzCall> calls) {
        FuzzRound round = new FuzzRound(kernel, settings);
        round.replay(calls);
        return round.finding().isPresent();
    }
}
