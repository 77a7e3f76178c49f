package io.guestmem.cli;

import io.guestmem.diff.Difference;
import io.guestmem.diff.KnownDifference;
import io.guestmem.diff.RecordedDiff;
import io.guestmem.diff.RecordingHeader;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JsonGenerator;

/**
 * Prints how a recording compares.
 *
 * @param header of the recording
 * @param compared what was found
 */
record RecordedDiffPrinter(RecordingHeader header, RecordedDiff.Compared compared) {
    private static final double NANOSECONDS = 1e9;
    private static final String FIRST = "a soft";
    private static final String SECOND = "b recorded";

    void print(PrintWriter out) {
        out.println("recorded: " + header.release());
        out.println("compared: " + header.scope());
        out.println(String.format(
                Locale.ROOT,
                "seeds from %d, %d sequences: %d calls compared in %.1f s, %.0f a second",
                header.seed(),
                compared.sequences(),
                compared.calls(),
                seconds(),
                compared.calls() / Math.max(seconds(), Double.MIN_NORMAL)));
        for (Map.Entry<KnownDifference, Long> each : compared.explained().entrySet()) {
            out.println(
                    "explained " + each.getValue() + " times: " + each.getKey().id());
        }
        for (Difference each : compared.differences()) {
            out.println("DIFFERENCE in seed " + each.sequence().seed());
            out.print(each.describe(FIRST, SECOND));
        }
        if (!compared.differences().isEmpty()) {
            out.println("to see one again, and shrunk: guestmem diff --seed N --calls 500 on that kernel");
        }
    }

    void fields(JsonGenerator json) {
        json.writeStringProperty("kernel_a", "soft");
        json.writeStringProperty("recorded", header.release());
        json.writeStringProperty("compared", header.scope().toString());
        json.writeNumberProperty("seed", header.seed());
        json.writeNumberProperty("sequences", compared.sequences());
        json.writeNumberProperty("calls", compared.calls());
        json.writeNumberProperty("seconds", seconds());
        json.writeObjectPropertyStart("explained");
        compared.explained().forEach((rule, count) -> json.writeNumberProperty(rule.id(), count));
        json.writeEndObject();
        json.writeArrayPropertyStart("differences");
        for (Difference each : compared.differences()) {
            json.writeStartObject();
            json.writeNumberProperty("seed", each.sequence().seed());
            json.writeStringProperty("what", each.describe(FIRST, SECOND));
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private double seconds() {
        return compared.time().toNanos() / NANOSECONDS;
    }
}
