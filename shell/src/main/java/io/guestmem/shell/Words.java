package io.guestmem.shell;

import java.util.ArrayList;
import java.util.List;

/** Splits what was typed: commands end with a line or a {@code ;}, words with a blank, and {@code #} begins a comment. */
final class Words {
    private Words() {}

    /** The commands of a text, each as its words; a command without words is left out. */
    static List<List<String>> commands(String text) {
        List<List<String>> commands = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            int comment = line.indexOf('#');
            String code = comment < 0 ? line : line.substring(0, comment);
            for (String command : code.split(";", -1)) {
                List<String> words = words(command);
                if (!words.isEmpty()) {
                    commands.add(words);
                }
            }
        }
        return commands;
    }

    /** The words of a command. */
    static List<String> words(String command) {
        String stripped = command.strip();
        return stripped.isEmpty() ? List.of() : List.of(stripped.split("\\s+"));
    }
}
