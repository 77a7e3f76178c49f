package io.guestmem.house;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Compares what a document says that a command prints with what it printed. */
final class Transcript {
    private static final String ANYTHING = "...";
    private static final String SKIPPED = "skipped:";
    private static final Pattern PATH = Pattern.compile("(?<![\\w.)])/[\\w.+@-]+(/[\\w.+@-]+)*/?");
    private static final Pattern RELEASE = Pattern.compile("\\b\\d+\\.\\d+(\\.\\d+)+[-+\\w.~]*");
    private static final Pattern DIGEST = Pattern.compile("\\b[0-9a-f]{32,}\\b");
    private static final Pattern NUMBER =
            Pattern.compile("\\b(0x[0-9a-f]+|\\d+(?:[.,]\\d+)*(?:[eE][+-]?\\d+)?)(?=\\b|[KMGT]i?B?\\b)");

    private Transcript() {}

    /** A line with what differs from run to run and from host to host made equal. */
    static String normal(String line) {
        String normal = PATH.matcher(line).replaceAll("PATH");
        normal = RELEASE.matcher(normal).replaceAll("RELEASE");
        normal = DIGEST.matcher(normal).replaceAll("DIGEST");
        normal = NUMBER.matcher(normal).replaceAll("N");
        return normal.strip().replaceAll("\\s+", " ");
    }

    /**
     * The first difference, if there is one.
     *
     * @param firstWords whether only the first words of lines are compared
     */
    static Optional<String> difference(List<String> documented, List<String> actual, boolean firstWords) {
        if (documented.isEmpty()) {
            return actual.isEmpty() ? Optional.empty() : Optional.of("not in the document: " + actual.getFirst());
        }
        String expected = documented.getFirst();
        List<String> rest = documented.subList(1, documented.size());
        if (expected.strip().equals(ANYTHING)) {
            for (int i = 0; i <= actual.size(); i++) {
                if (difference(rest, actual.subList(i, actual.size()), firstWords)
                        .isEmpty()) {
                    return Optional.empty();
                }
            }
            return Optional.of("nothing that matches what stands behind '...': " + rest);
        }
        if (actual.isEmpty()) {
            return Optional.of("not printed: " + expected);
        }
        if (!same(expected, actual.getFirst(), firstWords)) {
            return Optional.of("documented: " + expected + "\n   printed: " + actual.getFirst());
        }
        return difference(rest, actual.subList(1, actual.size()), firstWords);
    }

    private static boolean same(String documented, String actual, boolean firstWords) {
        if (firstWords || documented.contains(SKIPPED) || actual.contains(SKIPPED)) {
            return firstWord(documented).equals(firstWord(actual));
        }
        return normal(documented).equals(normal(actual));
    }

    private static String firstWord(String line) {
        return normal(line).split(" ", 2)[0];
    }
}
