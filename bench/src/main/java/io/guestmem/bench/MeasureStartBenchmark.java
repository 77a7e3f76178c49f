package io.guestmem.bench;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** How long {@code guestmem measure snp} takes from its start to its end, beside {@code sev-snp-measure} with the same firmware. */
final class MeasureStartBenchmark implements Benchmark {
    private static final List<Bound> BOUNDS = List.of(Bound.ratioAtMost(2));
    private static final double NANOS_A_SECOND = 1e9;
    private static final String OTHER = "sev-snp-measure";

    /** Where Debian's package {@code ovmf} puts one with SEV metadata; {@code GUESTMEM_FIRMWARE} names another. */
    private static final Path FIRMWARE =
            Path.of(Optional.ofNullable(System.getenv("GUESTMEM_FIRMWARE")).orElse("/usr/share/ovmf/OVMF.fd"));

    @Override
    public String name() {
        return "measure-start";
    }

    @Override
    public String what() {
        return "seconds of a whole run of guestmem measure snp, against " + OTHER + " of the same firmware";
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        if (settings.startCommand().isEmpty()) {
            return Optional.of("guestmem.root does not say where the command guestmem is");
        }
        if (other().isEmpty()) {
            return Optional.of(OTHER + " is not on the PATH (it is a package of Python)");
        }
        return Files.isReadable(FIRMWARE)
                ? Optional.empty()
                : Optional.of("no firmware " + FIRMWARE + "; name one in GUESTMEM_FIRMWARE");
    }

    private static Optional<String> other() {
        return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                .map(directory -> Path.of(directory, OTHER))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst();
    }

    /** The first run of each does not count, but its digest does: one that differs ends the benchmark. */
    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        String firmware = FIRMWARE.toString();
        Command ours = new Command(
                settings.startCommand().getFirst(),
                "measure",
                "snp",
                "--firmware",
                firmware,
                "--vcpus",
                "2",
                "--vcpu-type",
                "EPYC-v4");
        Command theirs = new Command(
                other().orElseThrow(),
                "--mode",
                "snp",
                "--ovmf",
                firmware,
                "--vcpus",
                "2",
                "--vcpu-type",
                "EPYC-v4",
                "--output-format",
                "hex");
        String digest = theirs.run().output().strip();
        String output = ours.run().output();
        if (!output.contains(digest)) {
            throw new BenchmarkException(OTHER + " says " + digest + ", guestmem " + output);
        }
        SideBySide sides = SideBySide.measure(() -> seconds(ours), () -> seconds(theirs), settings);
        return sides.medians(name(), "s", BOUNDS, settings, ours.toString());
    }

    private static double seconds(Command command) {
        return command.run().nanos() / NANOS_A_SECOND;
    }
}
