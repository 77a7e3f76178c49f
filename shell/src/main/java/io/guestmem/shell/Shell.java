package io.guestmem.shell;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;

/**
 * The shell: reads commands, prints answers. See {@code docs/shell.md}.
 *
 * <p>A text or a script goes on after a failure, and so shows all of them. For one run; not thread-safe.
 */
public final class Shell {
    private final ShellSettings settings;
    private final Session session;
    private final Interpreter interpreter;
    private boolean failed;
    private boolean ended;

    private Shell(ShellSettings settings, Session session, Interpreter interpreter) {
        this.settings = settings;
        this.session = session;
        this.interpreter = interpreter;
    }

    /**
     * Carries out all commands, then closes everything that they opened.
     *
     * @return 0; from a text or a script, 1 if a command failed, with an errno or because it was not understood
     * @throws io.guestmem.abi.KernelUnavailableException if there is no such kernel here
     * @throws UncheckedIOException if the input or the history cannot be read
     */
    public static int run(ShellSettings settings) {
        try (Session session = new Session(settings.kernel(), settings.seed(), settings.schedule());
                Interpreter interpreter = new Interpreter(session, settings.out())) {
            return new Shell(settings, session, interpreter).read();
        } finally {
            settings.out().flush();
        }
    }

    private int read() {
        switch (settings.input()) {
            case ShellSettings.Input.Commands commands -> {
                commands.text().lines().takeWhile(_ -> !ended).forEach(this::line);
                return failed ? 1 : 0;
            }
            case ShellSettings.Input.Script script -> {
                new BufferedReader(script.reader())
                        .lines()
                        .takeWhile(_ -> !ended)
                        .forEach(this::line);
                return failed ? 1 : 0;
            }
            case ShellSettings.Input.Interactive terminal -> {
                interact(terminal);
                return 0;
            }
        }
    }

    private void interact(ShellSettings.Input.Interactive terminal) {
        try (Prompt prompt = new Prompt(terminal.history(), new Completion(session))) {
            while (!ended) {
                Optional<String> line = prompt.readLine();
                if (line.isEmpty()) {
                    return;
                }
                line(line.get());
            }
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }

    private void line(String line) {
        for (List<String> command : Words.commands(line)) {
            if (!ended) {
                command(command);
            }
        }
        settings.out().flush();
    }

    private void command(List<String> words) {
        if (words.equals(List.of("exit")) || words.equals(List.of("quit"))) {
            ended = true;
            return;
        }
        try {
            Answer answer = interpreter.execute(words);
            failed |= !answer.ok();
            if (!answer.text().isEmpty()) {
                settings.out().println(answer.text());
            }
        } catch (CommandException notUnderstood) {
            failed = true;
            settings.out().flush();
            settings.err().println(String.join(" ", words) + ": " + notUnderstood.getMessage());
            settings.err().flush();
        }
    }
}
