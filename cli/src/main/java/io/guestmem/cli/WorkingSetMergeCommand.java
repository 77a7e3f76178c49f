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
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code guestmem workingset merge}. */
@Command(
        name = "merge",
        header = "Make one working set of several runs.",
        description = {
            "",
            "A file that is a merged one itself counts as many runs as it was made of. Contents are not taken over: pack the"
                    + " result.",
            ""
        })
final class WorkingSetMergeCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Option(names = "--output", required = true, paramLabel = "FILE", description = "Where the result goes.")
    private Path file;

    @Option(
            names = "--at-least",
            paramLabel = "K",
            description = "How many of the runs must have touched a page (default: half of them).")
    private @Nullable Integer atLeast;

    @Option(
            names = "--half-life",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "A file counts half for every N files that are newer; 0 for no ageing (default: ${DEFAULT-VALUE}).")
    private double halfLife;

    @Option(
            names = "--most",
            paramLabel = "SIZE",
            defaultValue = "0",
            description =
                    "Keep so much, of the pages that most runs have touched; 0 for all (default: ${DEFAULT-VALUE}).")
    private ByteSize most;

    @Option(
            names = "--page-size",
            paramLabel = "SIZE",
            defaultValue = "0",
            description = "Of the result: 4K or 2M; 0 for that of the newest file (default: ${DEFAULT-VALUE}).")
    private ByteSize pageSize;

    @Parameters(arity = "1..*", paramLabel = "FILE", description = "Working sets, from the oldest to the newest.")
    private List<Path> files;

    @Override
    public Integer call() throws IOException {
        List<WorkingSet> sets = new ArrayList<>();
        for (Path each : files) {
            sets.add(WorkingSetFile.read(each).set());
        }
        WorkingSet merged = merge(sets);
        WorkingSetFile.write(file, merged);
        WorkingSetSummary summary = new WorkingSetSummary(file, merged);
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "workingset merge", summary::fields);
        } else {
            summary.print(out);
        }
        return ExitStatus.DONE;
    }

    private WorkingSet merge(List<WorkingSet> sets) {
        int least = atLeast == null ? WorkingSetMerge.half(sets) : atLeast;
        try {
            return new WorkingSetMerge(least, halfLife, most.bytes(), pageSize.bytes()).merge(sets);
        } catch (IllegalArgumentException refused) {
            throw new ParameterException(spec.commandLine(), String.valueOf(refused.getMessage()), refused);
        }
    }
}
