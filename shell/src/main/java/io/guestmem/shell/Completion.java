package io.guestmem.shell;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Struct;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** What may stand at a place of a command. */
final class Completion {
    private static final List<String> COMMANDS =
            List.of("close", "exit", "help", "mem", "race", "seed", "show", "trace");

    private final Session session;

    Completion(Session session) {
        this.session = session;
    }

    /**
     * The words that may stand at the end of a command, in alphabetical order.
     *
     * @param before the words before it
     * @param typed the part of it that is there
     */
    List<String> candidates(List<String> before, String typed) {
        return all(before, typed).stream()
                .filter(word -> word.startsWith(typed))
                .distinct()
                .sorted()
                .toList();
    }

    private Collection<String> all(List<String> before, String typed) {
        if (before.isEmpty()) {
            return first();
        }
        if (before.getFirst().equals("!")) {
            return all(before.subList(1, before.size()), typed);
        }
        String first = before.getFirst();
        Optional<OpenFile> file = session.file(first);
        if (file.isPresent()) {
            return before.size() == 1
                    ? verbs(file.get().kind())
                    : Requests.named(before.get(1))
                            .map(request -> arguments(request, typed))
                            .orElseGet(() -> words(before.get(1)));
        }
        if (session.memory(first).isPresent()) {
            return before.size() == 1
                    ? MemoryCommands.USAGE.stream().map(Completion::verb).toList()
                    : words(before.get(1));
        }
        return switch (first) {
            case "close" -> session.names();
            case "trace" -> List.of("on", "off");
            case "race" ->
                all(
                        before.subList(before.lastIndexOf("&") < 0 ? 1 : before.lastIndexOf("&") + 1, before.size()),
                        typed);
            case "show" ->
                before.size() == 1 ? Shows.USAGE.stream().map(Completion::verb).toList() : session.names();
            case "help" -> requests(EnumSet.allOf(KvmFileKind.class));
            case "mem" -> before.size() == 1 ? List.of("alloc") : Choices.names(HostMemoryKind.class);
            default ->
                Requests.named(first).map(request -> arguments(request, typed)).orElse(List.of());
        };
    }

    private List<String> first() {
        List<String> words = new ArrayList<>(COMMANDS);
        words.addAll(session.names());
        EnumSet<KvmFileKind> open = EnumSet.noneOf(KvmFileKind.class);
        session.names().forEach(name -> session.file(name).ifPresent(file -> open.add(file.kind())));
        words.addAll(requests(open));
        return words;
    }

    private static List<String> requests(Set<KvmFileKind> kinds) {
        return Arrays.stream(KvmIoctl.values())
                .filter(request -> request.files().stream().anyMatch(kinds::contains))
                .map(Requests::name)
                .toList();
    }

    private static List<String> verbs(KvmFileKind kind) {
        List<String> verbs = new ArrayList<>(requests(Set.of(kind)));
        FileCommands.USAGE.forEach((usage, of) -> {
            if (of == kind) {
                verbs.add(verb(usage));
            }
        });
        verbs.add("raw");
        return verbs;
    }

    /** The words that a command knows beside numbers. */
    private static List<String> words(String verb) {
        return switch (verb) {
            case "program", "load" ->
                Programs.USAGE.stream().map(Completion::verb).toList();
            case "advise" -> Choices.names(HostAdvice.class);
            case "protect" -> Choices.names(HostProtection.class);
            case "fallocate" -> List.of("keep_size", "punch_hole");
            case "raw" -> requests(EnumSet.allOf(KvmFileKind.class));
            default -> List.of();
        };
    }

    /** Before {@code =} the fields; behind it, symbols and names. */
    private List<String> arguments(KvmIoctl request, String typed) {
        Optional<Struct> shape = StructBuffer.shape(request, 1);
        if (shape.isEmpty()) {
            return List.copyOf(Symbols.ofArgument(request).keySet());
        }
        int equals = typed.indexOf('=');
        if (equals < 0) {
            return shape.get().fields().stream()
                    .filter(field -> !StructBuffer.isPadding(field))
                    .flatMap(field -> fields(shape.get(), field))
                    .toList();
        }
        String field = typed.substring(0, equals);
        int value = Math.max(equals, typed.lastIndexOf('|')) + 1;
        String before = typed.substring(0, value);
        return Stream.concat(Symbols.ofField(request, field).keySet().stream(), session.names().stream())
                .map(word -> before + word)
                .toList();
    }

    private static Stream<String> fields(Struct struct, Struct.Field field) {
        String index = field.name().equals("entries") ? "[0]" : "";
        return StructBuffer.nested(struct, field)
                .map(nested -> nested.fields().stream()
                        .filter(member -> !StructBuffer.isPadding(member))
                        .map(member -> field.name() + index + "." + member.name() + "="))
                .orElseGet(() -> Stream.of(field.name() + "="));
    }

    private static String verb(String usage) {
        return Words.words(usage).getFirst();
    }
}
