package io.guestmem.cli;

import io.guestmem.pager.workingset.PageRun;
import io.guestmem.pager.workingset.Touch;
import io.guestmem.pager.workingset.WorkingSet;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;

/** What all verbs about working sets say of one. */
record WorkingSetSummary(Path file, WorkingSet set) {
    private static final double MICROS_A_SECOND = 1e6;

    void print(PrintWriter out) {
        out.println(file + ": " + pages());
        out.println("  " + runs() + ", " + set.pages(Touch.READ) + " read, " + set.pages(Touch.WRITE) + " written, "
                + set.pages(Touch.AHEAD) + " installed ahead, the last after "
                + String.format(Locale.ROOT, "%.3f s", seconds()));
    }

    private String pages() {
        return set.pages() + " pages of " + set.memory().pageSize() + " bytes, " + ByteSize.describe(set.bytes())
                + " of " + ByteSize.describe(set.memory().bytes());
    }

    private String runs() {
        String number = String.format(Locale.ROOT, "%.2f", runCount()).replaceFirst("\\.?0+$", "");
        return number.equals("1") ? "1 run" : number + " runs";
    }

    private double runCount() {
        return (double) set.runs() / PageRun.ONE;
    }

    private double seconds() {
        return set.micros() / MICROS_A_SECOND;
    }

    void fields(JsonGenerator json) {
        json.writeStringProperty("file", file.toString());
        json.writeNumberProperty("page_size", set.memory().pageSize());
        json.writeNumberProperty("memory", set.memory().bytes());
        json.writeNumberProperty("pages", set.pages());
        json.writeNumberProperty("bytes", set.bytes());
        json.writeNumberProperty("runs", runCount());
        json.writeNumberProperty("reads", set.pages(Touch.READ));
        json.writeNumberProperty("writes", set.pages(Touch.WRITE));
        json.writeNumberProperty("ahead", set.pages(Touch.AHEAD));
        json.writeNumberProperty("seconds", seconds());
    }
}
