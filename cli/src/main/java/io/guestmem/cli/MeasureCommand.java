package io.guestmem.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code guestmem measure}: the launch measurement of a confidential guest, before it runs. */
@Command(
        name = "measure",
        header = "Say what a confidential guest's launch measurement will be, step by step.",
        description = {
            "",
            "The exit status is 1 if a digest is not the expected one, or if the VMM would never launch this guest.",
            "",
            "Examples:",
            "  guestmem measure snp --firmware OVMF.fd --vcpus 4 --vcpu-type EPYC-Milan",
            "  guestmem measure snp --firmware OVMF.fd --kernel vmlinuz --initrd initrd --append 'root=/dev/vda1'",
            "  guestmem measure tdx --firmware OVMF.fd --expect HEX --log",
            "  guestmem measure explain --firmware OVMF.fd --expect HEX",
            "  guestmem measure diff old.log new.log",
            ""
        },
        synopsisSubcommandLabel = "snp|sev|sev-es|tdx|explain|diff",
        subcommands = {
            MeasureSnpCommand.class,
            MeasureSevCommand.class,
            MeasureSevEsCommand.class,
            MeasureTdxCommand.class,
            MeasureExplainCommand.class,
            MeasureDiffCommand.class
        })
final class MeasureCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "what to measure is missing: one of snp, sev, sev-es, tdx, explain, diff");
    }
}
