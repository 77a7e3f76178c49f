package io.guestmem.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The temporary directory of a run. It goes with all below it when the run ends, or this process, after the machine that runs
 * there.
 */
final class Workplace implements AutoCloseable {
    private final Path directory;
    private final Thread atEnd = Thread.ofPlatform().name("guestmem-lab-end").unstarted(this::end);

    /** The machine that runs now, for the end of this process. */
    private volatile Optional<Machine> running = Optional.empty();

    private Workplace(Path directory) {
        this.directory = directory;
        Runtime.getRuntime().addShutdownHook(atEnd);
    }

    /** A workplace where the system has its temporary files. */
    static Workplace open() throws IOException {
        return new Workplace(Files.createTempDirectory("guestmem-lab-"));
    }

    /** A workplace in a directory. */
    static Workplace in(Path parent) throws IOException {
        return new Workplace(Files.createTempDirectory(parent, "guestmem-lab-"));
    }

    Path directory() {
        return directory;
    }

    /** What must end before the directory goes. */
    void runs(Machine machine) {
        running = Optional.of(machine);
    }

    /** The machine has ended. */
    void runsNothing() {
        running = Optional.empty();
    }

    @Override
    public void close() throws IOException {
        try {
            Runtime.getRuntime().removeShutdownHook(atEnd);
        } catch (IllegalStateException _) {
            // This process is on its way down: the hook runs and does the same.
        }
        LabCache.delete(directory);
    }

    private void end() {
        running.ifPresent(Machine::kill);
        try {
            LabCache.delete(directory);
        } catch (IOException failed) {
            throw new UncheckedIOException("left behind: " + directory, failed);
        }
    }
}
