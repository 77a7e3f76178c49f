package io.guestmem.bench;

import io.guestmem.bench.PagerField.Server;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Resident memory of a server whose VMs ask for nothing: of {@code guestmem serve} as the launcher starts it or, without one, of
 * our side of the other benchmarks.
 */
final class PagerMemoryBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.valueAtMost(96));
    private static final int VMS = 32;

    /** Small: what a server has mapped of the snapshot is the snapshot's. */
    private static final long VM_BYTES = 8 << 20;

    /** A VM asks for a page as seldom. */
    private static final long INTERVAL_MICROS = 900_000;

    private static final long SETTLING_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
    private static final double MIB = 1 << 20;

    @Override
    public String name() {
        return "pager-memory";
    }

    @Override
    public String what() {
        return "resident memory of a server with " + VMS + " idle VMs, against a C handler";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        return PagerField.unavailable();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        BenchmarkSettings once = settings.withRounds(1);
        try (PagerField field = PagerField.create(VM_BYTES)) {
            Spread ours;
            try (Server server = serve(field, settings)) {
                ours = Spread.of(withVms(field, server));
            }
            try (Server server = field.bare(PagerField.ANYWHERE, false)) {
                Spread bare = Spread.of(withVms(field, server));
                return new SideBySide(ours, bare).medians(name(), "MiB", BOUNDS, once, VMS + " VMs");
            }
        }
    }

    private static Server serve(PagerField field, BenchmarkSettings settings) {
        Optional<String> launcher = settings.startCommand().stream()
                .findFirst()
                .filter(word -> Path.of(word).endsWith("guestmem"));
        if (launcher.isEmpty()) {
            return field.ours(PagerField.ANYWHERE, false);
        }
        Path socket = field.freshSocket();
        LineProcess process = LineProcess.start(List.of(
                launcher.get(),
                "serve",
                "--socket",
                socket.toString(),
                "--snapshot",
                field.snapshot().toString(),
                "--events"));
        process.await("{\"event\":\"listening\",\"vm\":0,\"text\":\"" + socket + "\"}");
        return new Server(process, socket);
    }

    private static double withVms(PagerField field, Server server) {
        List<LineProcess> vms = new ArrayList<>();
        try {
            for (int i = 0; i < VMS; i++) {
                LineProcess vm = field.start(server, field.pages(), PagerField.ANYWHERE, "watch", INTERVAL_MICROS);
                vms.add(vm);
                vm.await("served");
            }
            LockSupport.parkNanos(SETTLING_NANOS);
            return server.process().residentBytes() / MIB;
        } finally {
            vms.forEach(LineProcess::close);
        }
    }
}
