package io.guestmem.bench;

import io.guestmem.bench.PagerField.Server;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * How long a VM whose server was killed waits for its successor, from the moment on in which that is up and begins to take it
 * back.
 */
final class PagerRecoveryBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.valueAtMost(5));
    private static final int MOST_ROUNDS = 7;

    /** Between two faults of the VM; and for as long it certainly waits before a successor comes. */
    private static final long INTERVAL_MICROS = 200;

    private static final long DEAD_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final double MILLISECOND = 1e6;

    private int directories;

    @Override
    public String name() {
        return "pager-recovery";
    }

    @Override
    public String what() {
        return "from when the successor of a killed server begins to take a VM back until its fault is served, against C";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return PagerField.unavailable();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        BenchmarkSettings few = settings.withRounds(Math.min(MOST_ROUNDS, settings.rounds()));
        try (PagerField field = PagerField.create(settings.copyBytes())) {
            return SideBySide.measure(() -> ours(field), () -> bare(field), few)
                    .medians(name(), "ms", BOUNDS, few, "one VM");
        }
    }

    private double ours(PagerField field) {
        Path state = field.directory().resolve("state-" + directories++);
        Path socket = field.freshSocket();
        List<String> words = PageServerProgram.command(socket, field.snapshot(), "none", state);
        try (Server first = field.listening(words, socket);
                LineProcess vm = watched(field, first)) {
            kill(first);
            try (LineProcess second = LineProcess.start(words)) {
                return served(PagerField.numbers(second.await("recovered"))[0], vm);
            }
        }
    }

    private static double bare(PagerField field) {
        try (Server first = field.bare(PagerField.ANYWHERE, false);
                LineProcess vm = field.start(first, field.pages(), PagerField.ANYWHERE, "watch", INTERVAL_MICROS)) {
            String address = vm.await("served");
            kill(first);
            try (LineProcess second = field.bareSuccessor(vm.pid(), address)) {
                return served(Long.parseLong(second.await("began")), vm);
            }
        }
    }

    private static LineProcess watched(PagerField field, Server server) {
        LineProcess vm = field.start(server, field.pages(), PagerField.ANYWHERE, "watch", INTERVAL_MICROS);
        vm.await("served");
        return vm;
    }

    private static void kill(Server server) {
        server.close();
        LockSupport.parkNanos(DEAD_NANOS);
    }

    /** Milliseconds until the longest fault ended. */
    private static double served(long began, LineProcess vm) {
        LockSupport.parkNanos(DEAD_NANOS);
        vm.end();
        long[] said = PagerField.numbers(vm.await(""));
        long end = said[said.length - 1];
        if (end < began) {
            throw new BenchmarkException("the VM did not wait for the successor");
        }
        return (end - began) / MILLISECOND;
    }
}
