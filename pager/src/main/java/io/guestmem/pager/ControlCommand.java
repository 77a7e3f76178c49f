package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.LinuxException;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** Carries out a command of a {@link ControlEndpoint}, one line, and answers with another one. Thread-safe. */
final class ControlCommand {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final int MEDIAN = 500;
    private static final int P99 = 990;

    private final PageServer server;

    ControlCommand(PageServer server) {
        this.server = server;
    }

    /** Writes the fields of an answer behind {@code "ok": true}. */
    private interface Fields {
        Fields NONE = _ -> {};

        void write(JsonGenerator json);
    }

    /** Does what the line says. */
    String answer(String line) {
        try {
            Fields fields = obey(line.strip().split(" ", 3));
            return json(true, fields);
        } catch (IOException | LinuxException | IllegalArgumentException | IllegalStateException failed) {
            return json(false, json -> json.writeStringProperty("error", String.valueOf(failed.getMessage())));
        }
    }

    private Fields obey(String... words) throws IOException {
        String command = words[0];
        int expected = switch (command) {
            case "list", "drain" -> 1;
            case "collapse", "prefetch", "end-recording", "release" -> 2;
            case "diff" -> 3;
            default ->
                throw new IllegalArgumentException("unknown command '" + command
                        + "': list, diff, collapse, prefetch, end-recording, release or drain");
        };
        if (words.length != expected) {
            throw new IllegalArgumentException(command + " takes " + (expected - 1) + " arguments");
        }
        return switch (command) {
            case "list" -> this::list;
            case "drain" -> drain();
            case "collapse" -> collapsed(server.control().collapse(vm(words[1])));
            case "prefetch" -> {
                server.control().prefetch(vm(words[1]));
                yield Fields.NONE;
            }
            case "end-recording" -> {
                if (!server.endRecording(vm(words[1]))) {
                    throw new IOException("there is no VM " + words[1]);
                }
                yield Fields.NONE;
            }
            case "release" -> {
                server.control().release(vm(words[1]));
                yield Fields.NONE;
            }
            default -> written(server.control().writeDiff(vm(words[1]), path(words[2])));
        };
    }

    private static int vm(String word) {
        try {
            return Integer.parseInt(word);
        } catch (NumberFormatException _) {
            throw new IllegalArgumentException("not the number of a VM: '" + word + "'");
        }
    }

    private static Path path(String word) {
        try {
            return Path.of(word);
        } catch (InvalidPathException _) {
            throw new IllegalArgumentException("not a path: '" + word + "'");
        }
    }

    private Fields drain() throws IOException {
        if (!server.drain()) {
            throw new IOException("a VM could not get all of its memory, and still needs a server");
        }
        return Fields.NONE;
    }

    private static Fields written(DiffSnapshot diff) {
        return json -> {
            json.writeNumberProperty("pages", diff.pages());
            json.writeNumberProperty("zero_pages", diff.zeroPages());
            json.writeNumberProperty("cut_micros", diff.cutMicros());
        };
    }

    private static Fields collapsed(CollapseReport report) {
        return json -> {
            json.writeNumberProperty("huge", report.huge());
            json.writeNumberProperty("not_whole", report.notWhole());
            json.writeNumberProperty("busy", report.busy());
            json.writeObjectPropertyStart("refused");
            report.refused().forEach((errno, count) -> json.writeNumberProperty(new Errno(errno).symbol(), count));
            json.writeEndObject();
        };
    }

    private void list(JsonGenerator json) {
        json.writeArrayPropertyStart("vms");
        for (VmStatus vm : server.control().status()) {
            json.writeStartObject();
            json.writeNumberProperty("vm", vm.vm());
            json.writeNumberProperty("pid", vm.pid());
            json.writeNumberProperty("bytes", vm.bytes());
            json.writeNumberProperty("page_size", vm.pageSize());
            json.writeNumberProperty("faults", vm.served().faults);
            json.writeNumberProperty("demand_pages", vm.served().copied + vm.served().zeroed);
            json.writeNumberProperty("ahead_pages", vm.ahead().copied + vm.ahead().zeroed);
            json.writeNumberProperty("failed", vm.served().failed);
            json.writeNumberProperty("waiting", vm.waiting());
            json.writeNumberProperty("unread", vm.unread());
            if (vm.dirtyPages() >= 0) {
                json.writeNumberProperty("dirty_pages", vm.dirtyPages());
            }
            for (Latencies.Need need : Latencies.Need.values()) {
                latencies(
                        json,
                        need.name().toLowerCase(Locale.ROOT),
                        vm.latencies().of(need));
            }
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void latencies(JsonGenerator json, String need, LatencyHistogram histogram) {
        if (histogram.count() > 0) {
            json.writeObjectPropertyStart(need);
            json.writeNumberProperty("count", histogram.count());
            json.writeNumberProperty("p50_nanos", histogram.quantile(MEDIAN));
            json.writeNumberProperty("p99_nanos", histogram.quantile(P99));
            json.writeEndObject();
        }
    }

    private static String json(boolean ok, Fields fields) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeBooleanProperty("ok", ok);
            fields.write(json);
            json.writeEndObject();
        }
        return text.toString();
    }
}
