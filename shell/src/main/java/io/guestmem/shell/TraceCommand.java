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
    private boolean isOn;

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
        if (words.getFirst().equals("off")) {
            return Answer.NOTHING;
        }
        if (!words.getFirst().equals("on")) {
            file = open(words.getFirst());
        }
        PrintWriter to = file == null ? out : file;
        soft.trace(event -> to.println(event.json()));
        isOn = true;
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
        if (isOn && kernel instanceof SoftKernel soft) {
            soft.trace(null);
            isOn = false;
        }
        if (file != null) {
            file.close();
            file = null;
        }
    }
}
