package io.guestmem.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** A direct boot, and the memory of the guest. */
final class MeasureBootOptions {
    private final CommandSpec spec;
    private final Argument<Path> kernel;
    private final Argument<Path> initrd;
    private final Argument<String> append;
    private final Argument<ByteSize> memory;

    MeasureBootOptions(CommandSpec spec) {
        this.spec = spec;
        kernel = Argument.option(spec, "--kernel", "FILE", Values.PATH, "The kernel of a direct boot.");
        initrd = Argument.option(spec, "--initrd", "FILE", Values.PATH, "Its initrd.");
        append = Argument.option(spec, "--append", "TEXT", Values.TEXT, "Its command line.");
        memory = Argument.option(spec, "--memory", "SIZE", ByteSize::parse, "Guest memory.");
    }

    /** Bytes of guest memory, if they are known. */
    Optional<Long> memory() {
        if (memory.isPresent() && memory.value().bytes() == 0) {
            throw new ParameterException(spec.commandLine(), "--memory: 0 is no memory");
        }
        return memory.optional().map(ByteSize::bytes);
    }

    /** The kernel, if there is one; initrd and command line need one. */
    Optional<byte[]> kernel() throws IOException {
        if (!kernel.isPresent() && (initrd.isPresent() || append.isPresent())) {
            throw new ParameterException(spec.commandLine(), "--initrd and --append need --kernel");
        }
        return read(kernel.optional());
    }

    /** The initrd, if there is one. */
    Optional<byte[]> initrd() throws IOException {
        return read(initrd.optional());
    }

    /** The command line; empty if there is none. */
    String append() {
        return append.or("");
    }

    private static Optional<byte[]> read(Optional<Path> path) throws IOException {
        return path.isEmpty() ? Optional.empty() : Optional.of(Files.readAllBytes(path.get()));
    }
}
