package io.guestmem.cli;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** {@code guestmem measure}: the launch measurement of a confidential guest, before it runs. */
final class MeasureCommand implements Runnable, Verb {
    /** What it can do, by name. */
    private static final SortedMap<String, Supplier<Verb>> ALL = new TreeMap<>(Map.of(
            "snp", MeasureSnpCommand::new,
            "sev", MeasureSevCommand::new,
            "sev-es", MeasureSevEsCommand::new,
            "tdx", MeasureTdxCommand::new,
            "secret", MeasureSecretCommand::new,
            "explain", MeasureExplainCommand::new,
            "diff", MeasureDiffCommand::new));

    private final CommandSpec spec = Verb.spec(
            this,
            "measure",
            "Say what a confidential guest's launch measurement will be, step by step.",
            "",
            "The exit status is 1 if a digest is not the expected one, or if the VMM would never launch this guest.",
            "",
            "Examples:",
            "  guestmem measure snp --firmware OVMF.fd --vcpus 4 --vcpu-type EPYC-Milan",
            "  guestmem measure snp --firmware OVMF.fd --kernel vmlinuz --initrd initrd --append 'root=/dev/vda1'",
            "  guestmem measure tdx --firmware OVMF.fd --expect HEX --log",
            "  guestmem measure snp --firmware OVMF.fd --id-key key.pem --id-block block --id-auth auth",
            "  guestmem measure sev --firmware OVMF.fd --tik tik.bin --api 1.55 --build 24 --policy 1 --measurement BASE64",
            "  guestmem measure explain --firmware OVMF.fd --expect HEX",
            "  guestmem measure diff old.log new.log",
            "");

    MeasureCommand() {
        spec.usageMessage().synopsisSubcommandLabel("snp|sev|sev-es|tdx|secret|explain|diff");
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "what to measure is missing: one of snp, sev, sev-es, tdx, secret, explain, diff");
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
