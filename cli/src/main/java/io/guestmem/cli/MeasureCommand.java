package io.guestmem.cli;

import io.guestmem.measure.Technology;
import io.guestmem.measure.launch.TdxOrder;
import io.guestmem.measure.launch.TdxVmm;
import io.guestmem.measure.launch.Vmm;
import io.guestmem.measure.launch.VmsaField;
import io.guestmem.measure.rtmr.InitrdOption;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import picocli.CommandLine;
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
            "  guestmem measure snp --firmware OVMF.fd --id-key key.pem --id-block block --id-auth auth",
            "  guestmem measure sev --firmware OVMF.fd --tik tik.bin --api 1.55 --build 24 --policy 1 --measurement BASE64",
            "  guestmem measure explain --firmware OVMF.fd --expect HEX",
            "  guestmem measure diff old.log new.log",
            ""
        },
        synopsisSubcommandLabel = "snp|sev|sev-es|tdx|secret|explain|diff")
final class MeasureCommand implements Runnable {
    /** What it can do, by name. */
    static final Map<String, Supplier<Object>> ALL = new TreeMap<>(Map.of(
            "snp", MeasureSnpCommand::new,
            "sev", MeasureSevCommand::new,
            "sev-es", MeasureSevEsCommand::new,
            "tdx", MeasureTdxCommand::new,
            "secret", MeasureSecretCommand::new,
            "explain", MeasureExplainCommand::new,
            "diff", MeasureDiffCommand::new));

    @Spec
    private CommandSpec spec;

    /** Says how its options are read. */
    static void register(CommandLine line) {
        line.registerConverter(Technology.class, Choices.of(Technology.class))
                .registerConverter(Vmm.class, Choices.of(Vmm.class))
                .registerConverter(TdxVmm.class, Choices.of(TdxVmm.class))
                .registerConverter(TdxOrder.class, Choices.of(TdxOrder.class))
                .registerConverter(VmsaField.class, Choices.of(VmsaField.class))
                .registerConverter(InitrdOption.class, Choices.of(InitrdOption.class))
                .registerConverter(MeasureSevEsCommand.Flavour.class, Choices.of(MeasureSevEsCommand.Flavour.class))
                .registerConverter(MeasureSevOptions.Switch.class, Choices.of(MeasureSevOptions.Switch.class));
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "what to measure is missing: one of snp, sev, sev-es, tdx, secret, explain, diff");
    }
}
