package io.guestmem.cli;

import io.guestmem.pager.ControlClient;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** {@code guestmem control}: asks a page server and tells it what to do. */
final class ControlCommand implements Callable<Integer>, Verb {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final int FILE = 2;

    private final CommandSpec spec = Verb.spec(
            this,
            "control",
            "Ask a page server, and tell it what to do.",
            "",
            "SOCKET is that of 'guestmem serve --control SOCKET'. It returns when the server has done it; the exit status is 1"
                    + " if it could not.",
            "",
            "  list                every VM and what was done for it",
            "  diff VM FILE        write what a VM has written, while it runs",
            "  collapse VM         make huge pages of what is there",
            "  prefetch VM         install everything, in the background",
            "  end-recording VM    write what a VM has touched",
            "  release VM          give a VM the rest of its memory and let it go",
            "  drain               do that with all, and end the server",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Path> socket =
            Argument.parameter(spec, 0, "SOCKET", Values.PATH, "Where the server takes commands.");

    private final Argument<List<String>> command =
            Argument.parameters(spec, 1, "1..*", "COMMAND", Values.TEXT, "A command with its arguments.");

    @Override
    public Integer call() throws IOException {
        String answer = ControlClient.ask(socket.value(), line());
        Map<String, Object> fields = read(answer);
        boolean ok = Boolean.TRUE.equals(fields.remove("ok"));
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "control", json -> copy(answer, json));
        } else if (ok) {
            print(out, fields);
        } else {
            spec.commandLine().getErr().println("guestmem: " + fields.get("error"));
        }
        return ok ? ExitStatus.DONE : ExitStatus.NO;
    }

    /** A file is this process's to name and the server's to write. */
    private String line() {
        List<String> words = new ArrayList<>(command.value());
        if (words.getFirst().equals("diff") && words.size() > FILE) {
            words.set(FILE, Path.of(words.get(FILE)).toAbsolutePath().toString());
        }
        return String.join(" ", words);
    }

    private static void copy(String answer, JsonGenerator json) {
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), answer)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                json.copyCurrentStructure(parser);
            }
        }
    }

    private static Map<String, Object> read(String answer) {
        try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), answer)) {
            json.nextToken();
            return object(json);
        }
    }

    private static Map<String, Object> object(JsonParser json) {
        Map<String, Object> fields = new LinkedHashMap<>();
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = json.currentName();
            fields.put(name, value(json, json.nextToken()));
        }
        return fields;
    }

    private static Object value(JsonParser json, JsonToken token) {
        return switch (token) {
            case START_OBJECT -> object(json);
            case START_ARRAY -> {
                List<Object> values = new ArrayList<>();
                for (JsonToken next = json.nextToken(); next != JsonToken.END_ARRAY; next = json.nextToken()) {
                    values.add(value(json, next));
                }
                yield values;
            }
            case VALUE_TRUE, VALUE_FALSE -> json.getBooleanValue();
            case VALUE_NUMBER_INT -> json.getLongValue();
            default -> json.getString();
        };
    }

    private static void print(PrintWriter out, Map<String, Object> fields) {
        if (fields.get("vms") instanceof List<?> vms) {
            printVms(out, vms);
        } else if (fields.isEmpty()) {
            out.println("done");
        } else {
            fields.forEach((name, value) -> out.println(name.replace('_', ' ') + " " + text(value)));
        }
    }

    private static String text(Object value) {
        if (!(value instanceof Map<?, ?> inner)) {
            return value.toString();
        }
        List<String> parts = new ArrayList<>();
        inner.forEach((name, count) -> parts.add(name + " " + count));
        return parts.isEmpty() ? "none" : String.join(", ", parts);
    }

    private static void printVms(PrintWriter out, List<?> vms) {
        if (vms.isEmpty()) {
            out.println("no VMs");
            return;
        }
        TextTable table = new TextTable(
                TextTable.Column.right("VM"),
                TextTable.Column.right("process"),
                TextTable.Column.right("memory"),
                TextTable.Column.right("page"),
                TextTable.Column.right("faults"),
                TextTable.Column.right("on demand"),
                TextTable.Column.right("ahead"),
                TextTable.Column.right("failed"),
                TextTable.Column.right("waiting"),
                TextTable.Column.right("dirty"));
        for (Object each : vms) {
            Map<?, ?> vm = (Map<?, ?>) each;
            table.add(
                    text(vm, "vm"),
                    text(vm, "pid"),
                    bytes(vm, "bytes"),
                    bytes(vm, "page_size"),
                    text(vm, "faults"),
                    text(vm, "demand_pages"),
                    text(vm, "ahead_pages"),
                    text(vm, "failed"),
                    text(vm, "waiting"),
                    text(vm, "dirty_pages"));
        }
        table.print(out);
    }

    private static String text(Map<?, ?> vm, String name) {
        Object value = vm.get(name);
        return value == null ? "-" : value.toString();
    }

    private static String bytes(Map<?, ?> vm, String name) {
        return vm.get(name) instanceof Long bytes ? ByteSize.describe(bytes) : "-";
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
