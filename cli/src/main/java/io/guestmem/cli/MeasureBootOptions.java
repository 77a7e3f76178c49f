package io.guestmem.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A direct boot, and the memory of the guest. */
final class MeasureBootOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--kernel", paramLabel = "FILE", description = "The kernel of a direct boot.")
    private Optional<Path> kernel = Optional.empty();

    @Option(names = "--initrd", paramLabel = "FILE", description = "Its initrd.")
    private Optional<Path> initrd = Optional.empty();

    @Option(names = "--append", paramLabel = "TEXT", description = "Its command line.")
    private Optional<String> append = Optional.empty();

    @Option(names = "--memory", paramLabel = "SIZE", description = "Guest memory.")
    private Optional<ByteSize> memory = Optional.empty();

    /** Bytes of guest memory, if they are known. */
    Optional<Long> memory() {
        if (memory.isPresent() && memory.get().bytes() == 0) {
            throw new ParameterException(spec.commandLine(), "--memory: 0 is no memory");
        }
        return memory.map(ByteSize::bytes);
    }

    /** The kernel, if there is one; initrd and command line need one. */
    Optional<byte[]> kernel() throws IOException {
        if (kernel.isEmpty() && (initrd.isPresent() || append.isPresent())) {
            throw new ParameterException(spec.commandLine(), "--initrd and --append need --kernel");
        }
        return read(kernel);
    }

    /** The initrd, if there is one. */
    Optional<byte[]> initrd() throws IOException {
        return read(initrd);
    }

    /** The command line; empty if there is none. */
    String append() {
        return append.orElse("");
    }

    private static Optional<byte[]> read(Optional<Path> path) throws IOException {
        return path.isEmpty() ? Optional.empty() : Optional.of(Files.readAllBytes(path.get()));
    }
}
