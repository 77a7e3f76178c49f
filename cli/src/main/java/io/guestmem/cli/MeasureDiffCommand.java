package io.guestmem.cli;

import io.guestmem.measure.LoggedStep;
import io.guestmem.measure.StepDifference;
import io.guestmem.measure.StepLog;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.core.JsonGenerator;

/** {@code guestmem measure diff}. */
final class MeasureDiffCommand implements Callable<Integer>, Verb {
    private static final int SHOWN = 16;

    private final CommandSpec spec = Verb.spec(
            this,
            "diff",
            "Compare two logs of steps, as --log prints them.",
            "",
            "The exit status is 1 if they differ.",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Path> left = Argument.parameter(spec, 0, "OLD", Values.PATH, "A log.");

    private final Argument<Path> right = Argument.parameter(spec, 1, "NEW", Values.PATH, "Another one.");

    @Override
    public Integer call() throws IOException {
        List<StepDifference> differences = StepDifference.between(read(left.value()), read(right.value()));
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "measure diff", json -> fields(json, differences));
        } else if (differences.isEmpty()) {
            out.println("the steps are the same");
        } else {
            TextTable table = new TextTable(
                    TextTable.Column.left("kind"),
                    TextTable.Column.right("step"),
                    TextTable.Column.left("old"),
                    TextTable.Column.left("new"));
            differences.forEach(each -> table.add(
                    each.kind().name().toLowerCase(Locale.ROOT),
                    String.valueOf(each.index()),
                    text(each.left()),
                    text(each.right())));
            table.print(out);
        }
        return differences.isEmpty() ? ExitStatus.DONE : ExitStatus.NO;
    }

    private List<LoggedStep> read(Path path) throws IOException {
        List<LoggedStep> steps = StepLog.parse(Files.readAllLines(path));
        if (steps.isEmpty()) {
            throw new ParameterException(spec.commandLine(), path + ": no step in it; make it with --log");
        }
        return steps;
    }

    private static String text(Optional<LoggedStep> step) {
        return step.map(each -> each.type() + " 0x" + Long.toHexString(each.gpa()) + " "
                        + (each.contents().isEmpty() ? "-" : each.contents().substring(0, SHOWN))
                        + (each.what().isEmpty() ? "" : " " + each.what()))
                .orElse("-");
    }

    private static void fields(JsonGenerator json, List<StepDifference> differences) {
        json.writeArrayPropertyStart("differences");
        for (StepDifference difference : differences) {
            json.writeStartObject();
            json.writeStringProperty("kind", difference.kind().name().toLowerCase(Locale.ROOT));
            json.writeNumberProperty("step", difference.index());
            step(json, "old", difference.left());
            step(json, "new", difference.right());
            json.writeEndObject();
        }
        json.writeEndArray();
    }

    private static void step(JsonGenerator json, String name, Optional<LoggedStep> step) {
        if (step.isPresent()) {
            json.writeObjectPropertyStart(name);
            MeasureOptions.step(json, step.get());
            json.writeEndObject();
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
