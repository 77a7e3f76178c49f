package io.guestmem.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A program that runs beside this one and says in lines how it goes; killed by {@link #close}. */
final class LineProcess implements AutoCloseable {
    private final List<String> words;
    private final Process process;
    private final BufferedReader lines;

    private LineProcess(List<String> words, Process process) {
        this.words = words;
        this.process = process;
        this.lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Starts it; what it writes to standard error goes to that of this process. */
    static LineProcess start(List<String> words) {
        try {
            Process process = new ProcessBuilder(words)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            return new LineProcess(words, process);
        } catch (IOException failed) {
            throw failed(String.join(" ", words), failed);
        }
    }

    /**
     * The next line that begins with a word; those before it are skipped.
     *
     * @param word or an empty text for any line
     * @return what follows the word
     * @throws BenchmarkException if it ends without such a line
     */
    String await(String word) {
        try {
            String line = lines.readLine();
            while (line != null && !(line + " ").startsWith(word.isEmpty() ? "" : word + " ")) {
                line = lines.readLine();
            }
            if (line == null) {
                throw new BenchmarkException(this + ": ended without " + word);
            }
            return line.substring(word.length()).strip();
        } catch (IOException failed) {
            throw failed(toString(), failed);
        }
    }

    /** Writes a line to its standard input. */
    void say(String line) {
        try {
            process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
            process.getOutputStream().flush();
        } catch (IOException failed) {
            throw failed(toString(), failed);
        }
    }

    /** Closes its standard input: a watching client ends. */
    void end() {
        try {
            process.getOutputStream().close();
        } catch (IOException failed) {
            throw failed(toString(), failed);
        }
    }

    long pid() {
        return process.pid();
    }

    /** {@code VmRSS} of {@code /proc/PID/status}, in bytes. */
    long residentBytes() {
        try {
            return Files.readAllLines(Path.of("/proc/" + pid() + "/status")).stream()
                    .filter(line -> line.startsWith("VmRSS:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                    .findFirst()
                    .orElseThrow(() -> new BenchmarkException(this + ": has ended"));
        } catch (IOException failed) {
            throw failed(toString(), failed);
        }
    }

    @Override
    public String toString() {
        return String.join(" ", words);
    }

    private static BenchmarkException failed(String who, IOException failed) {
        return new BenchmarkException(who + ": " + failed.getMessage(), failed);
    }

    /** Kills it and waits until it is gone. */
    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
