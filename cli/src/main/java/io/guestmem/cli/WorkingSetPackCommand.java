package io.guestmem.cli;

import io.guestmem.pager.workingset.Packing;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;

/** {@code guestmem workingset pack}. */
final class WorkingSetPackCommand implements Callable<Integer>, Verb {
    private final CommandSpec spec = Verb.spec(
            this,
            "pack",
            "Put the contents of a working set's pages into its file.",
            "",
            "The server reads such a file in one go and needs the snapshot for nothing that stands in it. It is of this very"
                    + " snapshot: once that is changed the file is refused.",
            "");

    private final OutputOptions output = new OutputOptions(spec);

    private final SnapshotOptions snapshot = new SnapshotOptions(spec);

    private final Argument<Path> file =
            Argument.required(spec, "--output", "FILE", Values.PATH, "Where the result goes.");

    private final Argument<Path> from = Argument.parameter(spec, 0, "SET", Values.PATH, "A working set.");

    @Override
    public Integer call() throws IOException {
        WorkingSetFile packed = Packing.write(
                file.value(), WorkingSetFile.read(from.value()).set(), snapshot.snapshot(), snapshot.bases());
        WorkingSetSummary summary = new WorkingSetSummary(file.value(), packed.set());
        long bytes = packed.contents().orElseThrow().length();
        PrintWriter out = spec.commandLine().getOut();
        if (output.json()) {
            JsonResult.print(out, "workingset pack", json -> {
                summary.fields(json);
                json.writeNumberProperty("contents", bytes);
            });
        } else {
            summary.print(out);
            out.println("  with " + ByteSize.describe(bytes) + " of content");
        }
        return ExitStatus.DONE;
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
