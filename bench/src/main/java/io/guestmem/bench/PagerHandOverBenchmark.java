package io.guestmem.bench;

import io.guestmem.bench.PagerField.Server;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * How long nobody serves a VM while a living server hands it over: from asking that one to stop until all who waited are woken, which
 * the successor measures. Beside it stands the longest fault of the VM meanwhile. That is longer: a processor that the successor's
 * compiler has, or the old server's end, is one that the VM and its server wait for.
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

    private final List<Double> undisturbed = new ArrayList<>();
    private double longestFault;
    private int directories;

    @Override
    public String name() {
        return "pager-hand-over";
    }

    @Override
    public String what() {
        return "how long nobody serves a VM while its server hands it over to another one, beside the longest fault of the VM meanwhile";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return PagerField.unavailable();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        BenchmarkSettings few = settings.withRounds(Math.min(MOST_ROUNDS, settings.rounds()));
        try (PagerField field = PagerField.create(settings.copyBytes())) {
            SideBySide sides = SideBySide.measure(() -> handOver(field), () -> longestFault, few);
            String remark =
                    "a fault every " + INTERVAL_MICROS + " us, the longest in 0.3 s undisturbed " + undisturbed();
            return sides.medians(name(), "ms", BOUNDS, few, remark);
        }
    }

    private String undisturbed() {
        return Spread.of(undisturbed.stream().mapToDouble(Double::doubleValue).toArray())
                .toString();
    }

    private double handOver(PagerField field) {
        Path state = field.directory().resolve("hand-over-" + directories++);
        Path socket = field.freshSocket();
        try (Server first =
                field.listening(PageServerProgram.command(socket, field.snapshot(), "none", state), socket)) {
            try (LineProcess vm = watching(field, first)) {
                LockSupport.parkNanos(UNDISTURBED_NANOS);
                undisturbed.add(longest(field, vm));
            }
            List<String> words = PageServerProgram.command(socket, field.snapshot(), "none", state, "take-over");
            try (LineProcess vm = watching(field, first);
                    LineProcess second = LineProcess.start(words)) {
                double gap = PagerField.numbers(second.await("recovered"))[1] / MICROS_A_MILLISECOND;
                LockSupport.parkNanos(AFTERWARDS_NANOS);
                longestFault = longest(field, vm);
                return gap;
            }
        }
    }

    private static LineProcess watching(PagerField field, Server server) {
        LineProcess vm = field.start(server, field.pages(), PagerField.ANYWHERE, "watch", INTERVAL_MICROS);
        vm.await("served");
        return vm;
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
