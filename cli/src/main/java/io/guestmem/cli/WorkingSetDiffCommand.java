package io.guestmem.cli;

import io.guestmem.pager.workingset.ReplayOrder.Span;
import io.guestmem.pager.workingset.WorkingSet;
import io.guestmem.pager.workingset.WorkingSetDifference;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem workingset diff}. */
@Command(
        name = "diff",
        header = "Compare two working sets: pages that came, went, or moved.",
        description = {
            "",
            "Pages are those of the newer one, counted from the beginning of the memory file. The exit status is 1 if the sets"
                    + " differ.",
            ""
        })
final class WorkingSetDiffCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Parameters(index = "0", paramLabel = "OLD", description = "A working set.")
    private Path older;

    @Parameters(index = "1", paramLabel = "NEW", description = "Another one.")
    private Path newer;

    @Override
    public Integer call() throws IOException {
        WorkingSet after = WorkingSetFile.read(newer).set();
        WorkingSetDifference difference =
                WorkingSetDifference.between(WorkingSetFile.read(older).set(), after);
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "workingset diff", json -> {
                json.writeNumberProperty("page_size", after.memory().pageSize());
                json.writeBooleanProperty("same", difference.isEmpty());
                json.writeNumberProperty("common", difference.common());
                spans(json, "added", difference.added());
                spans(json, "removed", difference.removed());
                spans(json, "reordered", difference.reordered());
            });
        } else {
            print(out, difference);
        }
        return difference.isEmpty() ? ExitStatus.DONE : ExitStatus.NO;
    }

    private static void print(PrintWriter out, WorkingSetDifference difference) {
        out.println(difference.common() + " pages in both, " + WorkingSetDifference.pages(difference.added())
                + " added, " + WorkingSetDifference.pages(difference.removed()) + " removed, "
                + WorkingSetDifference.pages(difference.reordered()) + " reordered");
        if (!difference.isEmpty()) {
            TextTable table = new TextTable(
                    TextTable.Column.left("kind"), TextTable.Column.right("page"), TextTable.Column.right("pages"));
            rows(table, "added", difference.added());
            rows(table, "removed", difference.removed());
            rows(table, "reordered", difference.reordered());
            table.print(out);
        }
    }

    private static void rows(TextTable table, String kind, List<Span> spans) {
        spans.forEach(span -> table.add(kind, String.valueOf(span.page()), String.valueOf(span.pages())));
    }

    private static void spans(JsonGenerator json, String name, List<Span> spans) {
        json.writeArrayPropertyStart(name);
        for (Span span : spans) {
            json.writeStartObject();
            json.writeNumberProperty("page", span.page());
            json.writeNumberProperty("pages", span.pages());
            json.writeEndObject();
        }
        json.writeEndArray();
    }
}
