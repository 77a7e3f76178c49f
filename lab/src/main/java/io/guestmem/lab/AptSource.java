package io.guestmem.lab;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One package source of apt, as sources.list(5) describes it.
 *
 * @param types {@code deb}, {@code deb-src}
 * @param uris where the archive lies
 * @param suites {@code trixie}, {@code trixie-updates}, {@code sid}
 * @param components {@code main}, {@code contrib}
 * @param options what else stands there, by its deb822 name ({@code Signed-By}, {@code Trusted}), continuation lines included
 */
record AptSource(
        List<String> types,
        List<String> uris,
        List<String> suites,
        List<String> components,
        Map<String, String> options) {
    /** Options that say whether an archive is to be believed; the others choose packages, which we do ourselves. */
    private static final List<String> TRUST = List.of("Signed-By", "Trusted", "Check-Valid-Until");

    private static final Pattern ONE_LINE =
            Pattern.compile("(deb|deb-src)\\s+(?:\\[([^]]*)]\\s+)?(\\S+)\\s+(\\S+)((?:\\s+[^#\\s]\\S*)*)\\s*(?:#.*)?");

    /** Reads the deb822 style of {@code *.sources}; stanzas that are disabled or lack a field are left out. */
    static List<AptSource> parseDeb822(String text) {
        List<AptSource> sources = new ArrayList<>();
        Map<String, String> stanza = new LinkedHashMap<>();
        String field = "";
        for (String line : (text + "\n\n").split("\n", -1)) {
            if (line.startsWith("#")) {
                continue;
            }
            if (line.isBlank()) {
                fromStanza(stanza).ifPresent(sources::add);
                stanza.clear();
            } else if (Character.isWhitespace(line.charAt(0))) {
                stanza.merge(field, "\n" + line, String::concat);
            } else if (line.indexOf(':') > 0) {
                field = line.substring(0, line.indexOf(':')).toLowerCase(Locale.ROOT);
                stanza.put(field, line.substring(line.indexOf(':') + 1).strip());
            }
        }
        return List.copyOf(sources);
    }

    /** Reads the one-line style of {@code sources.list}; lines that are no source are left out. */
    static List<AptSource> parseOneLine(String text) {
        return text.lines()
                .map(line -> ONE_LINE.matcher(line.strip()))
                .filter(Matcher::matches)
                .map(AptSource::fromLine)
                .toList();
    }

    /** Whether packages of {@code main} come from here for one of these suites. */
    boolean serves(Stream<String> wanted) {
        return types.contains("deb") && components.contains("main") && wanted.anyMatch(suites::contains);
    }

    /** This archive with other suites and {@code main} only. */
    AptSource withSuites(List<String> others) {
        return new AptSource(List.of("deb"), uris, others, List.of("main"), options);
    }

    /** The deb822 stanza. */
    String toDeb822() {
        StringBuilder text = new StringBuilder();
        text.append("Types: ").append(String.join(" ", types)).append('\n');
        text.append("URIs: ").append(String.join(" ", uris)).append('\n');
        text.append("Suites: ").append(String.join(" ", suites)).append('\n');
        text.append("Components: ").append(String.join(" ", components)).append('\n');
        options.forEach(
                (name, value) -> text.append(name).append(": ").append(value).append('\n'));
        return text.append('\n').toString();
    }

    private static Optional<AptSource> fromStanza(Map<String, String> stanza) {
        boolean complete = Stream.of("types", "uris", "suites", "components").allMatch(stanza::containsKey);
        if (!complete || stanza.getOrDefault("enabled", "yes").equals("no")) {
            return Optional.empty();
        }
        return Optional.of(new AptSource(
                words(stanza.getOrDefault("types", "")),
                words(stanza.getOrDefault("uris", "")),
                words(stanza.getOrDefault("suites", "")),
                words(stanza.getOrDefault("components", "")),
                trust(stanza)));
    }

    private static AptSource fromLine(Matcher line) {
        Map<String, String> options = new LinkedHashMap<>();
        for (String option : words(Optional.ofNullable(line.group(2)).orElse(""))) {
            int equals = option.indexOf('=');
            if (equals > 0) {
                options.put(option.substring(0, equals).toLowerCase(Locale.ROOT), option.substring(equals + 1));
            }
        }
        return new AptSource(
                List.of(line.group(1)),
                List.of(line.group(3)),
                List.of(line.group(4)),
                words(line.group(5)),
                trust(options));
    }

    private static Map<String, String> trust(Map<String, String> fields) {
        Map<String, String> kept = new LinkedHashMap<>();
        for (String name : TRUST) {
            String value = fields.get(name.toLowerCase(Locale.ROOT));
            if (value != null) {
                kept.put(name, value);
            }
        }
        return kept;
    }

    private static List<String> words(String text) {
        return Arrays.stream(text.strip().split("\\s+"))
                .filter(word -> !word.isEmpty())
                .toList();
    }
}
