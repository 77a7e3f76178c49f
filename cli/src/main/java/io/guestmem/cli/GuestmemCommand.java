package io.guestmem.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code guestmem}: the root of the sub-commands. */
@Command(
        name = "guestmem",
        description = "Populates, translates and measures the memory of virtual machines.",
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        versionProvider = Version.class,
        synopsisSubcommandLabel = "VERB",
        exitCodeListHeading = "%nExit status:%n",
        exitCodeList = {
            "0:done",
            "1:it ran and the answer is no",
            "2:usage",
            "69:the host lacks something",
            "70:internal error",
            "74:input, output or a system call failed",
            "77:permission denied"
        })
final class GuestmemCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "a verb is missing: one of " + String.join(", ", Verbs.names()));
    }
}
