package io.guestmem.bench;

import io.guestmem.bench.PagerField.Server;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * How long nobody serves a VM while a living server hands it over: the longest of its faults. In that are also faults that wait for a
 * processor while the successor starts; how long it took from asking the living server to stop until all were woken is in the remark.
 */
final class PagerHandOverBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.valueAtMost(5));
    private static final int MOST_ROUNDS = 7;
    private static final long INTERVAL_MICROS = 100;
    private static final long UNDISTURBED_NANOS = TimeUnit.MILLISECONDS.toNanos(300);
    private static final long AFTERWARDS_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final double MILLISECOND = 1e6;
    private static final double MICROS_A_MILLISECOND = 1e3;

    /** Positions of numbers in what the client says. */
    private static final int FAULTS = 0;

    private static final int MOST = 3;

    private final List<Double> gaps = new ArrayList<>();
    private int directories;

    @Override
    public String name() {
        return "pager-hand-over";
    }

    @Override
    public String what() {
        return "the longest fault of a VM while its server hands it over to another one, against 0.3 s undisturbed";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return PagerField.unavailable();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        BenchmarkSettings few = settings.withRounds(Math.min(MOST_ROUNDS, settings.rounds()));
        try (PagerField field = PagerField.create(settings.copyBytes())) {
            SideBySide sides = SideBySide.measure(() -> longest(field, true), () -> longest(field, false), few);
            String remark = "a fault every " + INTERVAL_MICROS + " us, from STOP to waking " + remark() + " ms";
            return sides.least(name(), "ms", BOUNDS, few, remark);
        }
    }

    private String remark() {
        return Spread.of(gaps.stream().mapToDouble(Double::doubleValue).toArray())
                .toString();
    }

    private double longest(PagerField field, boolean handsOver) {
        Path state = field.directory().resolve("hand-over-" + directories++);
        Path socket = field.freshSocket();
        try (Server first =
                        field.listening(PageServerProgram.command(socket, field.snapshot(), "none", state), socket);
                LineProcess vm = field.start(first, field.pages(), PagerField.ANYWHERE, "watch", INTERVAL_MICROS)) {
            vm.await("served");
            if (!handsOver) {
                LockSupport.parkNanos(UNDISTURBED_NANOS);
                return longest(field, vm);
            }
            List<String> words = PageServerProgram.command(socket, field.snapshot(), "none", state, "take-over");
            try (LineProcess second = LineProcess.start(words)) {
                gaps.add(PagerField.numbers(second.await("recovered"))[1] / MICROS_A_MILLISECOND);
                LockSupport.parkNanos(AFTERWARDS_NANOS);
                return longest(field, vm);
            }
        }
    }

    private static double longest(PagerField field, LineProcess vm) {
        vm.end();
        long[] said = PagerField.numbers(vm.await(""));
        if (said[FAULTS] >= field.pages() - 1) {
            throw new BenchmarkException("the VM had touched all of its memory before it was over");
        }
        return said[MOST] / MILLISECOND;
    }
}
