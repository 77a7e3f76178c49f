package io.guestmem.cli;

import io.guestmem.pager.workingset.WorkingSet;
import io.guestmem.pager.workingset.WorkingSetFile;
import io.guestmem.pager.workingset.WorkingSetMerge;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem workingset merge}. */
final class WorkingSetMergeCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "merge",
            "Make one working set of several runs.",
            "",
            "A file that is a merged one itself counts as many runs as it was made of. Contents are not taken over: pack the"
                    + " result.",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final Argument<Path> file =
            Argument.required(spec, "--output", "FILE", Values.PATH, "Where the result goes.");

    private final Argument<Integer> atLeast = Argument.option(
            spec,
            "--at-least",
            "K",
            Values.INT,
            "How many of the runs must have touched a page (default: half of them).");

    private final Argument<Double> halfLife = Argument.option(
            spec,
            "--half-life",
            "N",
            Values.DOUBLE,
            "0",
            "A file counts half for every N files that are newer; 0 for no ageing (default: ${DEFAULT-VALUE}).");

    private final Argument<ByteSize> most = Argument.option(
            spec,
            "--most",
            "SIZE",
            ByteSize::parse,
            "0",
            "Keep so much, of the pages that most runs have touched; 0 for all (default: ${DEFAULT-VALUE}).");

    private final Argument<ByteSize> pageSize = Argument.option(
            spec,
            "--page-size",
            "SIZE",
            ByteSize::parse,
            "0",
            "Of the result: 4K or 2M; 0 for that of the newest file (default: ${DEFAULT-VALUE}).");

    private final Argument<List<Path>> files =
            Argument.parameters(spec, "1..*", "FILE", Values.PATH, "Working sets, from the oldest to the newest.");

    @Override
    public Integer call() throws IOException {
        List<WorkingSet> sets = new ArrayList<>();
        for (Path each : files.value()) {
            sets.add(WorkingSetFile.read(each).set());
        }
        WorkingSet merged = merge(sets);
        WorkingSetFile.write(file.value(), merged);
        WorkingSetSummary summary = new WorkingSetSummary(file.value(), merged);
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "workingset merge", summary::fields);
        } else {
            summary.print(out);
        }
        return ExitStatus.DONE;
    }

    private WorkingSet merge(List<WorkingSet> sets) {
        int least = !atLeast.isPresent() ? WorkingSetMerge.half(sets) : atLeast.value();
        try {
            return new WorkingSetMerge(
                            least,
                            halfLife.value(),
                            most.value().bytes(),
                            pageSize.value().bytes())
                    .merge(sets);
        } catch (IllegalArgumentException refused) {
            throw new ParameterException(spec.commandLine(), String.valueOf(refused.getMessage()), refused);
        }
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
