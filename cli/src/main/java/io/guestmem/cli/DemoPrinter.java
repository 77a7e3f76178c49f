package io.guestmem.cli;

import io.guestmem.abi.VmType;
import io.guestmem.vmm.demo.DemoResult;
import io.guestmem.vmm.demo.DemoRun;
import io.guestmem.vmm.demo.DemoSubject;
import io.guestmem.vmm.demo.PopulationWay;
import io.guestmem.vmm.trace.FirstTouchTrace;
import java.io.PrintWriter;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;

/** The result of {@code guestmem demo}, as text and as JSON. */
final class DemoPrinter {
    private DemoPrinter() {}

    /** The table and what its rows mean. */
    static void print(PrintWriter out, DemoResult result) {
        String simulated = result.simulated() ? " (simulated)" : "";
        String type = result.vmType() == VmType.DEFAULT ? "" : ", VM type " + name(result.vmType());
        out.println("kernel " + result.kernel() + simulated + type + ", " + what(result.subject()));
        out.println();
        table(result).print(out);
        out.println();
        for (DemoRun run : result.runs()) {
            out.println(run.way().id() + ": " + run.way().description());
            if (run instanceof DemoRun.Skipped && run.way() == PopulationWay.PRE_FAULT) {
                out.println(
                        "  Without it KVM's own faults stay, whatever the host's page table holds: each of them builds"
                                + " a part of KVM's page table.");
            }
        }
        if (result.simulated()) {
            out.println();
            String page = hasHugePages(result.subject()) ? "2 MiB" : "4 KiB";
            out.println("The kernel is simulated: it counts faults as a real one does, on a host that maps " + page
                    + " at each.");
            out.println(
                    "A thread stands for the second process. Times are those of an interpreter, not of a real kernel.");
        }
    }

    private static boolean hasHugePages(DemoSubject subject) {
        return subject instanceof DemoSubject.Boot boot && boot.hugePages();
    }

    private static String what(DemoSubject subject) {
        return switch (subject) {
            case DemoSubject.Image image -> "guest memory is " + image.file();
            case DemoSubject.Boot boot ->
                "the guest touches memory as Linux " + boot.trace().kernelRelease() + " did when it booted"
                        + (hasHugePages(boot) ? ", in pages of 2 MiB" : "");
        };
    }

    private static TextTable table(DemoResult result) {
        TextTable table = new TextTable(
                TextTable.Column.left("populate"),
                TextTable.Column.right("pages"),
                TextTable.Column.right("guest faults"),
                TextTable.Column.right("host faults"),
                TextTable.Column.right("uffd faults"),
                TextTable.Column.right("populate s"),
                TextTable.Column.right("guest s"),
                TextTable.Column.left("checksum"));
        for (DemoRun run : result.runs()) {
            switch (run) {
                case DemoRun.Skipped skipped -> table.add(skipped.way().id(), "-", "skipped: " + skipped.reason());
                case DemoRun.Completed done ->
                    table.add(
                            done.way().id(),
                            String.valueOf(done.pages()),
                            done.guestFaults().isPresent()
                                    ? String.valueOf(done.guestFaults().getAsLong())
                                    : "unknown",
                            String.valueOf(done.hostFaults()),
                            String.valueOf(done.uffdFaults()),
                            seconds(done.populateSeconds()),
                            seconds(done.guestSeconds()),
                            done.ok() ? "ok" : "WRONG " + done.checksum());
            }
        }
        return table;
    }

    private static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.4f", seconds);
    }

    private static String name(VmType type) {
        return type.name().toLowerCase(Locale.ROOT);
    }

    /** The fields that scripts rely on. */
    static void fields(JsonGenerator json, DemoResult result) {
        json.writeStringProperty("kernel", result.kernel());
        json.writeBooleanProperty("simulated", result.simulated());
        json.writeStringProperty("vm_type", name(result.vmType()));
        switch (result.subject()) {
            case DemoSubject.Image image ->
                json.writeStringProperty("image", image.file().toString());
            case DemoSubject.Boot boot -> {
                json.writeBooleanProperty("huge_pages", boot.hugePages());
                fields(json, boot.trace());
            }
        }
        json.writeNumberProperty("memory", result.memory());
        json.writeArrayPropertyStart("runs");
        for (DemoRun run : result.runs()) {
            json.writeStartObject();
            json.writeStringProperty("populate", run.way().id());
            switch (run) {
                case DemoRun.Skipped skipped -> json.writeStringProperty("skipped", skipped.reason());
                case DemoRun.Completed done -> fields(json, done);
            }
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    /** A trace as an object. */
    static void fields(JsonGenerator json, FirstTouchTrace trace) {
        json.writeObjectPropertyStart("trace");
        json.writeStringProperty("kernel", trace.kernelRelease());
        json.writeNumberProperty("memory", trace.memoryBytes());
        json.writeNumberProperty("loaded_pages", trace.loadedPages());
        json.writeNumberProperty("touched_pages", trace.touchedPages());
        json.writeEndObject();
    }

    private static void fields(JsonGenerator json, DemoRun.Completed run) {
        json.writeNumberProperty("pages", run.pages());
        if (run.guestFaults().isPresent()) {
            json.writeNumberProperty("guest_faults", run.guestFaults().getAsLong());
        } else {
            json.writeNullProperty("guest_faults");
        }
        json.writeNumberProperty("host_faults", run.hostFaults());
        json.writeNumberProperty("uffd_faults", run.uffdFaults());
        json.writeNumberProperty("populate_seconds", run.populateSeconds());
        json.writeNumberProperty("guest_seconds", run.guestSeconds());
        json.writeStringProperty("checksum", run.checksum());
        json.writeBooleanProperty("ok", run.ok());
    }
}
