package io.guestmem.bench;

import java.util.List;
import java.util.regex.Pattern;

/** A program that makes a pass for each line it is told, and answers with the sum and its nanoseconds. */
final class WalkPeer implements AutoCloseable {
    private static final Pattern ANSWER = Pattern.compile("\\d+ \\d+");

    private final String order;
    private final LineProcess process;

    /**
     * Starts it.
     *
     * @param order the line, as in {@code walk}
     */
    WalkPeer(List<String> words, String order) {
        this.order = order;
        this.process = LineProcess.start(words);
    }

    /**
     * One pass.
     *
     * @throws BenchmarkException if the program says anything else
     */
    WalkPass pass() {
        process.say(order);
        String answer = process.await("");
        if (!ANSWER.matcher(answer).matches()) {
            throw new BenchmarkException(process + ": " + answer);
        }
        String[] numbers = answer.split(" ", -1);
        return new WalkPass(Long.parseUnsignedLong(numbers[0]), Long.parseLong(numbers[1]));
    }

    /** Ends it. */
    @Override
    public void close() {
        process.close();
    }
}
