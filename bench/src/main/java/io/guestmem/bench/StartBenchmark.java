package io.guestmem.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** How long {@code guestmem doctor --json} takes from its start to its end, beside a JVM that does nothing. */
final class StartBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.valueAtMost(0.35));
    private static final double NANOS_A_SECOND = 1e9;
    private static final Command JVM =
            new Command(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-version");

    @Override
    public String name() {
        return "doctor-start";
    }

    @Override
    public String what() {
        return "seconds of a whole run of guestmem doctor --json, against java -version of the same JDK";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        if (settings.startCommand().isEmpty()) {
            return Optional.of("guestmem.root does not say where the command guestmem is");
        }
        Path program = Path.of(settings.startCommand().getFirst());
        return Files.isExecutable(program) ? Optional.empty() : Optional.of("not a program: " + program);
    }

    /** One run that does not count, whatever the settings: it may have to build the project and its AOT cache. */
    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        Command command = new Command(settings.startCommand());
        command.run();
        SideBySide sides = SideBySide.measure(() -> seconds(command), () -> seconds(JVM), settings);
        return sides.medians(name(), "s", BOUNDS, settings, command.toString());
    }

    private static double seconds(Command command) {
        return command.run().nanos() / NANOS_A_SECOND;
    }
}
