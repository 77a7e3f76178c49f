package io.guestmem.measure;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A log of steps as text, a line each: {@code TYPE GPA SIZE CONTENTS STATE WHAT}, with {@code -} for contents that are not measured.
 * Other lines are no steps, so that a log may stand among other output.
 */
public final class StepLog {
    private static final String NONE = "-";
    private static final Pattern LINE = Pattern.compile(
            "([A-Z_.]+) 0x([0-9a-f]{1,16}) ([0-9]{1,18}) ([0-9a-f]{64}|[0-9a-f]{96}|-) ([0-9a-f]{64}|[0-9a-f]{96})(?: (.*))?");

    private StepLog() {}

    /** The line of a step. */
    public static String line(LoggedStep step) {
        return step.type() + " 0x" + Long.toHexString(step.gpa()) + ' ' + step.size() + ' '
                + (step.contents().isEmpty() ? NONE : step.contents()) + ' ' + step.state()
                + (step.what().isEmpty() ? "" : ' ' + step.what());
    }

    /** The steps among lines of text. */
    public static List<LoggedStep> parse(Iterable<String> lines) {
        List<LoggedStep> steps = new ArrayList<>();
        for (String line : lines) {
            Matcher match = LINE.matcher(line.strip());
            if (match.matches()) {
                String contents = match.group(4);
                steps.add(new LoggedStep(
                        match.group(1),
                        Long.parseUnsignedLong(match.group(2), 16),
                        Long.parseLong(match.group(3)),
                        contents.equals(NONE) ? "" : contents,
                        match.group(5),
                        Optional.ofNullable(match.group(6)).orElse("")));
            }
        }
        return steps;
    }
}
