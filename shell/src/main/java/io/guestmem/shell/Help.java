package io.guestmem.shell;

import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Struct;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** {@code help ...}. */
final class Help {
    private static final String OVERVIEW = """
        FILE REQUEST [VALUE | field=value ...]   any request of KVM by its name: vm0 create_vcpu 0
        REQUEST ...                              the same on the newest file that knows it
        FILE raw REQUEST|CODE VALUE|bytes=HEX    a request with any argument
        FILE COMMAND ...                         see 'help vcpu', 'help gmem', 'help stats'
        mem alloc SIZE [KIND]                    memory of the host; its name stands for its hva
        MEMORY COMMAND ...                       see 'help mem'
        show [WHAT]                              names, slots, stats, caps; of the software kernel: kernel, memory
        trace on|off|FILE                        what the software kernel does, as lines of JSON
        race COMMAND & COMMAND ...               commands at the same time
        close NAME                               closes a file or memory
        seed N                                   what 'random' content follows from, and the order of races
        ! COMMAND                                a command that shall fail
        help [REQUEST | vcpu | gmem | stats | mem | values]
        exit\
        """;

    private static final String VALUES = """
        4096, 0x1000, -1, 64K, 2M, 1GiB          numbers; units are powers of 1024
        mem0, mem0+4K, gmem0                     the hva of memory, the descriptor of a file
        readonly, log_dirty_pages|readonly       names of flags, of capabilities, of VM types
        args=1,2 or args[1]=2                    arrays
        cs.base=0, entries[0].index=0x10         structs in structs
        dirty_bitmap=0-3,7                       pages; left out, there is room for the whole slot\
        """;

    private Help() {}

    static Answer of(List<String> words) {
        if (words.isEmpty()) {
            return Answer.of(OVERVIEW);
        }
        String topic = words.getLast();
        return switch (topic) {
            case "values" -> Answer.of(VALUES);
            case "mem" ->
                Answer.of(lines(MemoryCommands.USAGE.stream()
                        .map(usage -> "MEMORY " + usage)
                        .toList()));
            case "show" ->
                Answer.of(
                        lines(Shows.USAGE.stream().map(usage -> "show " + usage).toList()));
            case "program", "load" -> Answer.of(lines(Programs.USAGE));
            case "vcpu" -> Answer.of(commands(KvmFileKind.VCPU));
            case "gmem" -> Answer.of(commands(KvmFileKind.GUEST_MEMFD));
            case "stats" -> Answer.of(commands(KvmFileKind.STATS));
            case "vm" -> Answer.of(commands(KvmFileKind.VM));
            case "kvm" -> Answer.of(commands(KvmFileKind.SYSTEM));
            default ->
                Answer.of(request(Requests.named(topic)
                        .orElseThrow(() -> new CommandException("there is no help on '" + topic + "'"))));
        };
    }

    private static String lines(List<String> lines) {
        return String.join("\n", lines);
    }

    private static String commands(KvmFileKind kind) {
        List<String> lines = new ArrayList<>();
        new TreeMap<>(FileCommands.USAGE).forEach((usage, of) -> {
            if (of == kind) {
                lines.add("FILE " + usage);
            }
        });
        List<String> requests = Arrays.stream(KvmIoctl.values())
                .filter(request -> request.files().contains(kind))
                .map(Requests::name)
                .toList();
        if (!requests.isEmpty()) {
            lines.add("requests: " + String.join(", ", requests));
        }
        return lines(lines);
    }

    /** The request's code, its files, its struct in C, and its errnos. */
    private static String request(KvmIoctl request) {
        String files = request.files().stream()
                .sorted()
                .map(kind -> kind.name().toLowerCase(Locale.ROOT))
                .collect(Collectors.joining(", "));
        StringBuilder text = new StringBuilder(request.request())
                .append(" 0x")
                .append(Integer.toHexString(request.code()))
                .append(" on ")
                .append(files)
                .append(request.merged() ? "" : "; proposed, never merged");
        Optional<Struct> shape = StructBuffer.shape(request, 0);
        if (shape.isEmpty()) {
            return text.append("\nargument: a value").append(reasons(request)).toString();
        }
        text.append("\nstruct ").append(shape.get().name()).append(" {");
        for (Struct.Field field : shape.get().fields()) {
            text.append("\n    ").append(member(shape.get(), field));
        }
        return text.append("\n};").append(reasons(request)).toString();
    }

    private static String reasons(KvmIoctl request) {
        StringBuilder text = new StringBuilder();
        for (String reason : Reasons.of(request)) {
            int blank = reason.indexOf(' ');
            String errno = reason.substring(0, blank);
            text.append("\n")
                    .append(errno)
                    .append(" ".repeat(Math.max(1, 12 - blank)))
                    .append(reason.substring(blank + 1));
        }
        return text.toString();
    }

    private static String member(Struct struct, Struct.Field field) {
        String type = StructBuffer.nested(struct, field)
                .map(nested -> "struct " + nested.name())
                .orElse("__u" + field.width() * Byte.SIZE);
        String array = field.count() == 1 ? "" : "[" + (field.count() == 0 ? "" : field.count()) + "]";
        String symbols = Arrays.stream(KvmIoctl.values())
                .filter(request -> request.struct().filter(struct::equals).isPresent())
                .flatMap(request -> Symbols.ofField(request, field.name()).keySet().stream())
                .distinct()
                .sorted()
                .collect(Collectors.joining(", "));
        String shown = symbols.isEmpty() || symbols.length() > 80 ? "" : "  // " + symbols;
        return type + " " + field.name() + array + ";" + shown;
    }
}
