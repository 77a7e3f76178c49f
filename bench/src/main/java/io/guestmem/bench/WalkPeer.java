package io.guestmem.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.util.List;
import java.util.regex.Pattern;

/** A program that makes a pass for each line it is told, and answers with the sum and its nanoseconds. */
final class WalkPeer implements AutoCloseable {
    private static final Pattern ANSWER = Pattern.compile("\\d+ \\d+");

    private final List<String> words;
    private final String order;
    private final Process process;
    private final Writer orders;
    private final BufferedReader answers;

    /**
     * Starts it.
     *
     * @param order the line, as in {@code walk}
     */
    WalkPeer(List<String> words, String order) {
        this.words = words;
        this.order = order;
        try {
            this.process = new ProcessBuilder(words).redirectErrorStream(true).start();
        } catch (IOException failed) {
            throw failed(failed);
        }
        this.orders = process.outputWriter();
        this.answers = process.inputReader();
    }

    /**
     * One pass.
     *
     * @throws BenchmarkException if the program says anything else
     */
    WalkPass pass() {
        try {
            orders.write(order + "\n");
            orders.flush();
            String answer = answers.readLine();
            if (answer == null || !ANSWER.matcher(answer).matches()) {
                throw new BenchmarkException(String.join(" ", words) + ": " + answer);
            }
            String[] numbers = answer.split(" ", -1);
            return new WalkPass(Long.parseUnsignedLong(numbers[0]), Long.parseLong(numbers[1]));
        } catch (IOException failed) {
            throw failed(failed);
        }
    }

    private BenchmarkException failed(IOException failed) {
        return new BenchmarkException(String.join(" ", words) + ": " + failed.getMessage(), failed);
    }

    /** Ends it. */
    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
