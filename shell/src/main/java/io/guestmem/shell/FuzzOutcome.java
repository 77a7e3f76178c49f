package io.guestmem.shell;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What fuzzing showed.
 *
 * @param seed that it started with
 * @param calls that were made
 * @param time that it took
 * @param results of each request: how often each answer came, {@code ok} for 0 and more
 * @param failure the first one, if there was any
 */
public record FuzzOutcome(
        long seed,
        long calls,
        Duration time,
        SortedMap<String, SortedMap<String, Long>> results,
        Optional<Failure> failure) {
    private static final double NANOSECONDS = 1e9;

    /** Copies the results. */
    public FuzzOutcome {
        SortedMap<String, SortedMap<String, Long>> copy = new TreeMap<>();
        results.forEach((request, answers) -> copy.put(request, new TreeMap<>(answers)));
        results = copy;
    }

    /**
     * What a kernel must not do.
     *
     * @param seed with which a run shows it in its first round
     * @param what was wrong
     * @param reproduced whether the calls below show it again, one after the other, on one thread
     * @param calls that lead to it, as the shell would take them
     */
    public record Failure(long seed, String what, boolean reproduced, List<String> calls) {
        /** Copies the list. */
        public Failure {
            calls = List.copyOf(calls);
        }
    }

    /** Calls in a second. */
    public double rate() {
        return calls / Math.max(time.toNanos() / NANOSECONDS, Double.MIN_NORMAL);
    }

    /** The outcome for people: a line for each request, and how to see the failure again. */
    public String text() {
        StringBuilder text = new StringBuilder();
        text.append(String.format(
                Locale.ROOT,
                "seed %d: %d calls in %.1f s, %.0f a second%n",
                seed,
                calls,
                time.toNanos() / NANOSECONDS,
                rate()));
        for (Map.Entry<String, SortedMap<String, Long>> each : results.entrySet()) {
            text.append(each.getKey());
            each.getValue()
                    .forEach((answer, count) ->
                            text.append(' ').append(answer).append('=').append(count));
            text.append(System.lineSeparator());
        }
        failure.ifPresent(found -> {
            text.append("FAILED with seed ").append(found.seed).append(": ").append(found.what);
            text.append(System.lineSeparator())
                    .append(
                            found.reproduced
                                    ? "these calls show it:"
                                    : "these calls led to it, and do not show it again alone:")
                    .append(System.lineSeparator());
            found.calls.forEach(call -> text.append("  ").append(call).append(System.lineSeparator()));
        });
        return text.toString();
    }
}
