package io.guestmem.shell;

import io.guestmem.abi.Kernel;
import io.guestmem.soft.SoftKernel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code trace on|off|FILE}: what the software kernel's memory code does, as lines of JSON. Closing it switches it off. */
final class TraceCommand implements AutoCloseable {
    static final String USAGE = "trace on|off|FILE";

    private final Kernel kernel;
    private final PrintWriter out;
    private @Nullable PrintWriter file;

    TraceCommand(Kernel kernel, PrintWriter out) {
        this.kernel = kernel;
        this.out = out;
    }

    Answer run(List<String> words) {
        if (words.size() != 1) {
            throw new CommandException(USAGE);
        }
        if (!(kernel instanceof SoftKernel soft)) {
            throw new CommandException("only the software kernel can be traced");
        }
        close();
        switch (words.getFirst()) {
            case "off" -> {}
            case "on" -> soft.trace(event -> out.println(event.json()));
            default -> {
                PrintWriter opened = open(words.getFirst());
                file = opened;
                soft.trace(event -> opened.println(event.json()));
            }
        }
        return Answer.NOTHING;
    }

    private static PrintWriter open(String name) {
        try {
            return new PrintWriter(Files.newBufferedWriter(Path.of(name), StandardCharsets.UTF_8));
        } catch (IOException | InvalidPathException failed) {
            throw new CommandException("cannot write to '" + name + "': " + failed.getMessage());
        }
    }

    @Override
    public void close() {
        if (kernel instanceof SoftKernel soft) {
            soft.trace(null);
        }
        if (file != null) {
            file.close();
            file = null;
        }
    }
}
