package io.guestmem.house;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A {@code ```console} block of a document that shows the command: what is typed, and what a terminal shows then.
 *
 * <p>Comments on the lines before a block say more: {@code <!-- skip: REASON -->} it is not run; {@code <!-- host: kvm -->} it
 * needs KVM; {@code <!-- compare: first words -->} lines of this output differ from host to host behind their first word.
 *
 * @param place file and line, for messages
 * @param steps in order
 * @param skip the reason not to run it
 * @param needsKvm whether it does
 * @param firstWords whether only the first word of each line is compared
 */
record ConsoleBlock(String place, List<Step> steps, Optional<String> skip, boolean needsKvm, boolean firstWords) {
    private static final String PROMPT = "$ ";
    private static final Pattern COMMENT = Pattern.compile("<!-- *(skip|host|compare): *(.*?) *-->");

    /**
     * One command.
     *
     * @param line as it is typed
     * @param output line by line; a line {@code ...} stands for any number of lines
     */
    record Step(String line, List<String> output) {}

    /** The blocks of a document that run {@code ./guestmem}. */
    static List<ConsoleBlock> of(String name, List<String> document) {
        List<ConsoleBlock> blocks = new ArrayList<>();
        for (int i = 0; i < document.size(); i++) {
            if (document.get(i).strip().equals("```console")) {
                int end = i + 1;
                while (end < document.size() && !document.get(end).strip().equals("```")) {
                    end++;
                }
                if (end == document.size()) {
                    throw new AssertionError(name + ":" + (i + 1) + ": the block has no end");
                }
                List<String> lines = document.subList(i + 1, end);
                if (!lines.isEmpty() && lines.getFirst().startsWith(PROMPT + "./guestmem ")) {
                    blocks.add(block(name + ":" + (i + 1), lines, comments(document, i)));
                }
                i = end;
            }
        }
        return blocks;
    }

    private static List<Matcher> comments(List<String> document, int block) {
        List<Matcher> comments = new ArrayList<>();
        for (int i = block - 1; i >= 0; i--) {
            Matcher comment = COMMENT.matcher(document.get(i).strip());
            if (!comment.matches()) {
                break;
            }
            comments.add(comment);
        }
        return comments;
    }

    private static ConsoleBlock block(String place, List<String> lines, List<Matcher> comments) {
        Optional<String> skip = Optional.empty();
        boolean needsKvm = false;
        boolean firstWords = false;
        for (Matcher comment : comments) {
            String value = comment.group(2);
            switch (comment.group(1) + ": " + value) {
                case "host: kvm" -> needsKvm = true;
                case "compare: first words" -> firstWords = true;
                case String other when other.startsWith("skip: ") && !value.isEmpty() -> skip = Optional.of(value);
                default -> throw new AssertionError(place + ": what does " + comment.group() + " mean?");
            }
        }
        return new ConsoleBlock(place, steps(lines), skip, needsKvm, firstWords);
    }

    private static List<Step> steps(List<String> lines) {
        List<Step> steps = new ArrayList<>();
        for (int i = 0; i < lines.size(); ) {
            StringBuilder typed = new StringBuilder(lines.get(i++).substring(PROMPT.length()));
            while (typed.toString().endsWith("\\") && i < lines.size()) {
                typed.append('\n').append(lines.get(i++).replaceFirst("^> ", ""));
            }
            int from = i;
            while (i < lines.size() && !lines.get(i).startsWith(PROMPT)) {
                i++;
            }
            steps.add(new Step(typed.toString(), List.copyOf(lines.subList(from, i))));
        }
        return steps;
    }

    /** Whether it boots the lab. */
    boolean needsLab() {
        return steps.stream().anyMatch(step -> step.line.startsWith("./guestmem lab "));
    }
}
