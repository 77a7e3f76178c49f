package io.guestmem.cli;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code guestmem workingset}: which pages VMs touch first. */
@Command(
        name = "workingset",
        header = "Record which pages a VM touches first, merge recordings, and look at them.",
        description = {
            "",
            "'guestmem serve --working-set FILE' installs the pages of such a file before they are asked for.",
            "",
            "Examples:",
            "  guestmem workingset record --socket vm.sock --snapshot memory.img --output run1.ws",
            "  guestmem workingset merge --output merged.ws run1.ws run2.ws run3.ws",
            "  guestmem workingset show merged.ws",
            "  guestmem workingset diff run1.ws run2.ws",
            "  guestmem workingset pack --snapshot memory.img --output packed.ws merged.ws",
            ""
        },
        synopsisSubcommandLabel = "record|merge|show|diff|pack")
final class WorkingSetCommand implements Runnable {
    /** What it can do, by name. */
    static final Map<String, Supplier<Object>> ALL = new TreeMap<>(Map.of(
            "record", WorkingSetRecordCommand::new,
            "merge", WorkingSetMergeCommand::new,
            "show", WorkingSetShowCommand::new,
            "diff", WorkingSetDiffCommand::new,
            "pack", WorkingSetPackCommand::new));

    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "what to do with working sets is missing: one of record, merge, show, diff, pack");
    }
}
