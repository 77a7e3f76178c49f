package io.guestmem.cli;

import io.guestmem.pager.workingset.Contents;
import io.guestmem.pager.workingset.MemoryRegions;
import io.guestmem.pager.workingset.PackedContents;
import io.guestmem.pager.workingset.PageRun;
import io.guestmem.pager.workingset.ReplayOrder;
import io.guestmem.pager.workingset.SnapshotIdentity;
import io.guestmem.pager.workingset.WorkingSet;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem workingset show}. */
final class WorkingSetShowCommand implements Callable<Integer>, Verb {
    private static final int FIRST = 16;

    private final CommandSpec spec = Verb.spec(
            this,
            "show",
            "Say what stands in a working set.",
            "",
            "Checks all of the file, contents included. Pages are counted from the beginning of the memory file.",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Boolean> all =
            Argument.flag(spec, "--all", "Print all entries, not only the first " + FIRST + "; --json has them all.");

    private final Argument<Path> path = Argument.parameter(spec, 0, "FILE", Values.PATH, "A working set.");

    @Override
    public Integer call() throws IOException {
        WorkingSetFile file = WorkingSetFile.read(path.value());
        file.contents()
                .ifPresent(contents -> PackedContents.read(
                                path.value(), contents, file.set().memory().pageSize())
                        .close());
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "workingset show", json -> fields(json, file));
        } else {
            print(out, file);
        }
        return ExitStatus.DONE;
    }

    private void print(PrintWriter out, WorkingSetFile file) {
        WorkingSet set = file.set();
        new WorkingSetSummary(path.value(), set).print(out);
        for (MemoryRegions.Extent region : set.memory().extents()) {
            out.println("  region of " + region.bytes() + " bytes at offset " + region.offset());
        }
        for (SnapshotIdentity.Stamp stamp : set.snapshot().files()) {
            out.println("  snapshot file of " + stamp);
        }
        List<ReplayOrder.Span> pieces = ReplayOrder.of(set);
        int buckets = pieces.isEmpty() ? 0 : pieces.getLast().bucket() + 1;
        out.println("  installed in " + pieces.size() + " pieces, in " + buckets + " buckets of "
                + ReplayOrder.bucketPages(set) + " pages");
        out.println(file.contents()
                .map(contents -> "  with " + ByteSize.describe(contents.length())
                        + " of content, which is what its checksums say")
                .orElse("  without contents"));
        entries(out, set);
    }

    private void entries(PrintWriter out, WorkingSet set) {
        TextTable table = new TextTable(
                TextTable.Column.right("page"),
                TextTable.Column.right("pages"),
                TextTable.Column.left("touch"),
                TextTable.Column.right("after ms"),
                TextTable.Column.right("in runs"));
        List<PageRun> shown = all.value()
                ? set.order()
                : set.order().subList(0, Math.min(FIRST, set.order().size()));
        for (PageRun run : shown) {
            table.add(
                    String.valueOf(run.page()),
                    String.valueOf(run.pages()),
                    touch(run),
                    String.format(Locale.ROOT, "%.3f", run.micros() / 1e3),
                    run.observed() == 0 ? "-" : String.format(Locale.ROOT, "%.0f%%", run.share() * 100));
        }
        out.println();
        table.print(out);
        if (shown.size() < set.order().size()) {
            out.println("and " + (set.order().size() - shown.size()) + " entries more: --all");
        }
    }

    private static String touch(PageRun run) {
        return run.touch().name().toLowerCase(Locale.ROOT);
    }

    private void fields(JsonGenerator json, WorkingSetFile file) {
        WorkingSet set = file.set();
        new WorkingSetSummary(path.value(), set).fields(json);
        json.writeArrayPropertyStart("regions");
        for (MemoryRegions.Extent region : set.memory().extents()) {
            json.writeStartObject();
            json.writeNumberProperty("offset", region.offset());
            json.writeNumberProperty("size", region.bytes());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayPropertyStart("snapshot");
        for (SnapshotIdentity.Stamp stamp : set.snapshot().files()) {
            json.writeStartObject();
            json.writeNumberProperty("size", stamp.length());
            json.writeNumberProperty("modified_nanoseconds", stamp.modifiedNanos());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeNumberProperty("bucket_pages", ReplayOrder.bucketPages(set));
        json.writeNumberProperty("pieces", ReplayOrder.of(set).size());
        json.writeNumberProperty(
                "contents", file.contents().map(Contents::length).orElse(0L));
        json.writeArrayPropertyStart("entries");
        set.order().forEach(run -> entry(json, run));
        json.writeEndArray();
    }

    private static void entry(JsonGenerator json, PageRun run) {
        json.writeStartObject();
        json.writeNumberProperty("page", run.page());
        json.writeNumberProperty("pages", run.pages());
        json.writeStringProperty("touch", touch(run));
        json.writeNumberProperty("micros", run.micros());
        json.writeNumberProperty("seen", (double) run.seen() / PageRun.ONE);
        json.writeNumberProperty("observed", (double) run.observed() / PageRun.ONE);
        json.writeEndObject();
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
