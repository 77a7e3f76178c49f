package io.guestmem.cli;

import java.io.PrintWriter;
import java.util.function.Consumer;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.json.JsonFactory;

/** Prints the one JSON object of a command: {@code "schema"} and {@code "command"} first. */
final class JsonResult {
    /** Raised when a field changes its meaning or goes away. */
    private static final int SCHEMA = 1;

    /** Standard output belongs to the process, not to the generator. */
    private static final JsonFactory FACTORY =
            JsonFactory.builder().disable(StreamWriteFeature.AUTO_CLOSE_TARGET).build();

    private JsonResult() {}

    /**
     * Prints one line of a stream: an object without a head.
     *
     * @param fields writes them
     */
    static void line(PrintWriter out, Consumer<JsonGenerator> fields) {
        try (JsonGenerator json = FACTORY.createGenerator(ObjectWriteContext.empty(), out)) {
            json.writeStartObject();
            fields.accept(json);
            json.writeEndObject();
        }
        out.println();
    }

    /**
     * Prints it.
     *
     * @param fields writes the other fields
     */
    static void print(PrintWriter out, String command, Consumer<JsonGenerator> fields) {
        line(out, json -> {
            json.writeNumberProperty("schema", SCHEMA);
            json.writeStringProperty("command", command);
            fields.accept(json);
        });
    }
}
