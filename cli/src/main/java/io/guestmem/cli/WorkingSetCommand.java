package io.guestmem.cli;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem workingset}: which pages VMs touch first. */
final class WorkingSetCommand implements Runnable, Verb {
    /** What it can do, by name. */
    private static final SortedMap<String, Supplier<Verb>> ALL = new TreeMap<>(Map.of(
            "record", WorkingSetRecordCommand::new,
            "merge", WorkingSetMergeCommand::new,
            "show", WorkingSetShowCommand::new,
            "diff", WorkingSetDiffCommand::new,
            "pack", WorkingSetPackCommand::new));

    private final CommandSpec spec = Verb.spec(
            this,
            "workingset",
            "Record which pages a VM touches first, merge recordings, and look at them.",
            "",
            "'guestmem serve --working-set FILE' installs the pages of such a file before they are asked for.",
            "",
            "Examples:",
            "  guestmem workingset record --socket vm.sock --snapshot memory.img --output run1.ws",
            "  guestmem workingset merge --output merged.ws run1.ws run2.ws run3.ws",
            "  guestmem workingset show merged.ws",
            "  guestmem workingset diff run1.ws run2.ws",
            "  guestmem workingset pack --snapshot memory.img --output packed.ws merged.ws",
            "");

    WorkingSetCommand() {
        spec.usageMessage().synopsisSubcommandLabel("record|merge|show|diff|pack");
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "what to do with working sets is missing: one of record, merge, show, diff, pack");
    }

    @Override
    public SortedMap<String, Supplier<Verb>> verbs() {
        return ALL;
    }

    @Override
    public CommandSpec spec() {
        return spec;
    }
}
