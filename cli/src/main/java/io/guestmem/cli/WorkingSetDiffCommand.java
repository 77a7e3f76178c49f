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
import picocli.CommandLine.Model.CommandSpec;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem workingset diff}. */
final class WorkingSetDiffCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "diff",
            "Compare two working sets: pages that came, went, or moved.",
            "",
            "Pages are those of the newer one, counted from the beginning of the memory file. The exit status is 1 if the sets"
                    + " differ.",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Path> older = Argument.parameter(spec, 0, "OLD", Values.PATH, "A working set.");

    private final Argument<Path> newer = Argument.parameter(spec, 1, "NEW", Values.PATH, "Another one.");

    @Override
    public Integer call() throws IOException {
        WorkingSet after = WorkingSetFile.read(newer.value()).set();
        WorkingSetDifference difference =
                WorkingSetDifference.between(WorkingSetFile.read(older.value()).set(), after);
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

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
