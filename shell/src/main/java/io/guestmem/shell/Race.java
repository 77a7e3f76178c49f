package io.guestmem.shell;

import io.guestmem.soft.SeededSchedule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * {@code race COMMAND & COMMAND ...}: commands at the same time, each on a thread of its own. On the software kernel the shell's
 * seed decides at every point who goes on, so that what was seen once is seen again.
 */
final class Race {
    static final String USAGE = "race COMMAND & COMMAND ...";

    private final Optional<SeededSchedule> schedule;
    private final Function<List<String>, Answer> interpreter;

    Race(Optional<SeededSchedule> schedule, Function<List<String>, Answer> interpreter) {
        this.schedule = schedule;
        this.interpreter = interpreter;
    }

    /** The answers in the order of the commands, a line each. */
    Answer run(List<String> words) {
        List<List<String>> commands = commands(words);
        List<Answer> answers = new ArrayList<>();
        List<Runnable> tasks = new ArrayList<>();
        for (int i = 0; i < commands.size(); i++) {
            int number = i;
            answers.add(Answer.NOTHING);
            tasks.add(() -> {
                Answer answer = answer(commands.get(number));
                synchronized (answers) {
                    answers.set(number, answer);
                }
            });
        }
        schedule.ifPresentOrElse(seeded -> runScheduled(seeded, tasks), () -> runFreely(tasks));
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < commands.size(); i++) {
            lines.add(String.join(" ", commands.get(i)) + ": " + answers.get(i).text());
        }
        return new Answer(answers.stream().allMatch(Answer::ok), String.join("\n", lines));
    }

    private Answer answer(List<String> command) {
        try {
            return interpreter.apply(command);
        } catch (CommandException notUnderstood) {
            return new Answer(false, String.valueOf(notUnderstood.getMessage()));
        }
    }

    private static List<List<String>> commands(List<String> words) {
        List<List<String>> commands = new ArrayList<>();
        commands.add(new ArrayList<>());
        for (String word : words) {
            if (word.equals("&")) {
                commands.add(new ArrayList<>());
            } else {
                commands.getLast().add(word);
            }
        }
        if (commands.size() < 2
                || commands.stream().anyMatch(command -> command.isEmpty() || command.contains("race"))) {
            throw new CommandException(USAGE);
        }
        return commands;
    }

    /** Commands that wait for each other for ever are found, and given up. */
    private static void runScheduled(SeededSchedule schedule, List<Runnable> tasks) {
        try {
            schedule.run(tasks);
        } catch (IllegalStateException stuck) {
            throw new CommandException(String.valueOf(stuck.getMessage()));
        }
    }

    private static void runFreely(List<Runnable> tasks) {
        List<Thread> threads = new ArrayList<>();
        for (Runnable task : tasks) {
            threads.add(Thread.ofPlatform().name("race-" + threads.size()).start(task));
        }
        FuzzRound.join(threads);
    }
}
