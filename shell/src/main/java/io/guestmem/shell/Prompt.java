package io.guestmem.shell;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jline.reader.Candidate;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;

/** The terminal of a person: line editing, completion with the tabulator, and history. It runs stty, and loads no native code. */
final class Prompt implements Closeable {
    private static final String TEXT = "guestmem> ";

    private final Terminal terminal;
    private final LineReader reader;

    /** @param history the file with what was typed before; its directory is made */
    Prompt(Path history, Completion completion) {
        try {
            Files.createDirectories(history.toAbsolutePath().getParent());
            terminal = TerminalBuilder.builder()
                    .name("guestmem")
                    .system(true)
                    .provider("exec")
                    .build();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        DefaultParser parser = new DefaultParser();
        parser.setQuoteChars(new char[0]);
        parser.setEscapeChars(new char[0]);
        reader = LineReaderBuilder.builder()
                .terminal(terminal)
                .appName("guestmem")
                .parser(parser)
                .completer((_, line, candidates) -> complete(completion, line, candidates))
                .variable(LineReader.HISTORY_FILE, history)
                .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
                .build();
    }

    private static void complete(Completion completion, ParsedLine line, List<Candidate> candidates) {
        String typed = line.word().substring(0, line.wordCursor());
        for (String word : completion.candidates(line.words().subList(0, line.wordIndex()), typed)) {
            boolean complete = !word.endsWith("=");
            candidates.add(new Candidate(word, word, null, null, null, null, complete));
        }
    }

    /** The next line; empty at the end of the input. A line that was given up with an interrupt is an empty text. */
    Optional<String> readLine() {
        try {
            return Optional.of(reader.readLine(TEXT));
        } catch (UserInterruptException _) {
            return Optional.of("");
        } catch (EndOfFileException _) {
            return Optional.empty();
        }
    }

    @Override
    public void close() throws IOException {
        terminal.close();
    }
}
