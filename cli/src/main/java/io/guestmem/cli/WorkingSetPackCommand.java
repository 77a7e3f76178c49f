package io.guestmem.cli;

import io.guestmem.pager.workingset.Packing;
import io.guestmem.pager.workingset.WorkingSetFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code guestmem workingset pack}. */
@Command(
        name = "pack",
        header = "Put the contents of a working set's pages into its file.",
        description = {
            "",
            "The server reads such a file in one go and needs the snapshot for nothing that stands in it. It is of this very"
                    + " snapshot: once that is changed the file is refused.",
            ""
        })
final class WorkingSetPackCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private OutputOptions output;

    @Mixin
    private SnapshotOptions snapshot;

    @Option(names = "--output", required = true, paramLabel = "FILE", description = "Where the result goes.")
    private Path file;

    @Parameters(index = "0", paramLabel = "SET", description = "A working set.")
    private Path from;

    @Override
    public Integer call() throws IOException {
        WorkingSetFile packed =
                Packing.write(file, WorkingSetFile.read(from).set(), snapshot.snapshot(), snapshot.bases());
        WorkingSetSummary summary = new WorkingSetSummary(file, packed.set());
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
}
