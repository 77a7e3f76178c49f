package io.guestmem.shell;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.Kernel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** One world, from its beginning to its end: what was done to it, and what was wrong. For one use. */
final class FuzzRound {
    private final Kernel kernel;
    private final FuzzSettings settings;
    private final boolean exact;

    /** In the order in which they began. */
    private final List<FuzzCall> calls = Collections.synchronizedList(new ArrayList<>());

    private final SortedMap<String, SortedMap<String, Long>> results = new TreeMap<>();
    private final AtomicReference<@Nullable String> finding = new AtomicReference<>();

    FuzzRound(Kernel kernel, FuzzSettings settings) {
        this.kernel = kernel;
        this.settings = settings;
        this.exact = settings.scope() == FuzzSettings.Scope.EVERYTHING;
    }

    List<FuzzCall> calls() {
        return List.copyOf(calls);
    }

    /** The answers by request. Only after the round. */
    SortedMap<String, SortedMap<String, Long>> results() {
        return results;
    }

    /** What was wrong. */
    Optional<String> finding() {
        return Optional.ofNullable(finding.get());
    }

    /**
     * Makes up calls and performs them.
     *
     * @param each how many calls each thread makes
     */
    void random(long seed, long each) {
        within(world -> {
            List<Runnable> all = new ArrayList<>();
            SplittableRandom random = new SplittableRandom(seed);
            for (int i = 0; i < settings.threads(); i++) {
                FuzzSource source = new FuzzSource(random.split(), settings.scope());
                all.add(() -> performAll(world, each, source));
            }
            runAll(seed, all);
        });
    }

    private void runAll(long seed, List<Runnable> all) {
        if (all.size() == 1) {
            all.getFirst().run();
        } else if (settings.schedule().isPresent()) {
            settings.schedule().get().reseed(seed);
            settings.schedule().get().run(all);
        } else {
            List<Thread> threads = new ArrayList<>();
            all.forEach(work -> threads.add(
                    Thread.ofPlatform().name("fuzz-" + threads.size()).start(work)));
            join(threads);
        }
    }

    private void performAll(FuzzWorld world, long count, FuzzSource source) {
        SortedMap<String, SortedMap<String, Long>> mine = new TreeMap<>();
        try (FuzzPerformer performer =
                new FuzzPerformer(world, exact, settings.schedule().isEmpty())) {
            for (long i = 0; i < count && finding.get() == null; i++) {
                FuzzCall call = source.next();
                calls.add(call);
                count(mine, call, perform(performer, call));
            }
        }
        synchronized (results) {
            merge(results, mine);
        }
    }

    /** Performs the same calls again, one after the other; returns them as text. */
    List<String> replay(List<FuzzCall> again) {
        List<String> text = new ArrayList<>();
        within(world -> {
            try (FuzzPerformer performer =
                    new FuzzPerformer(world, exact, settings.schedule().isEmpty())) {
                for (FuzzCall call : again) {
                    text.add(FuzzCallText.of(call, world));
                    perform(performer, call);
                    if (finding.get() != null) {
                        return;
                    }
                }
            }
        });
        return text;
    }

    private OptionalLong perform(FuzzPerformer performer, FuzzCall call) {
        try {
            return performer.perform(call);
        } catch (FuzzFinding found) {
            finding.compareAndSet(null, found.what());
        } catch (RuntimeException | Error thrown) {
            finding.compareAndSet(null, FuzzCallText.counted(call) + " threw " + describe(thrown));
        }
        return OptionalLong.empty();
    }

    /** With the place, so that different defects of one type are not taken for the same. */
    private static String describe(Throwable thrown) {
        StackTraceElement[] trace = thrown.getStackTrace();
        return thrown + (trace.length == 0 ? "" : " at " + trace[0]);
    }

    private interface Work {
        void on(FuzzWorld world);
    }

    /** What the kernel holds must be the same before the world is made and after it is closed. */
    private void within(Work work) {
        Map<String, Long> before = settings.held().get();
        try (FuzzWorld world = new FuzzWorld(kernel)) {
            work.on(world);
        } catch (FuzzFinding found) {
            finding.compareAndSet(null, found.what());
        } catch (RuntimeException | Error thrown) {
            finding.compareAndSet(null, "closing threw " + describe(thrown));
        }
        Map<String, Long> after = settings.held().get();
        if (!before.equals(after)) {
            finding.compareAndSet(
                    null, "not given back: before " + new TreeMap<>(before) + ", after " + new TreeMap<>(after));
        }
    }

    private static void count(SortedMap<String, SortedMap<String, Long>> into, FuzzCall call, OptionalLong result) {
        if (result.isPresent()) {
            long value = result.getAsLong();
            String answer = value >= 0
                    ? "ok"
                    : ErrorNumber.of(Math.toIntExact(-value)).map(Enum::name).orElse("errno " + -value);
            into.computeIfAbsent(FuzzCallText.counted(call), _ -> new TreeMap<>())
                    .merge(answer, 1L, Long::sum);
        }
    }

    static void merge(
            SortedMap<String, SortedMap<String, Long>> into, SortedMap<String, SortedMap<String, Long>> from) {
        from.forEach((request, answers) -> {
            SortedMap<String, Long> counts = into.computeIfAbsent(request, _ -> new TreeMap<>());
            answers.forEach((answer, count) -> counts.merge(answer, count, Long::sum));
        });
    }

    /** Waits until threads have ended. */
    static void join(List<Thread> threads) {
        boolean interrupted = false;
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException _) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
