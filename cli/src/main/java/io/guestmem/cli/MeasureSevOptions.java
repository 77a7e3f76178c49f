package io.guestmem.cli;

import io.guestmem.measure.launch.CpuModel;
import io.guestmem.measure.launch.KernelHashes;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.Vmm;
import io.guestmem.measure.launch.VmsaField;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What decides about a launch of the SEV family besides the firmware. */
final class MeasureSevOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Mixin
    private MeasureBootOptions boot;

    @Option(names = "--vcpus", paramLabel = "N", defaultValue = "1", description = "vCPUs (default: ${DEFAULT-VALUE}).")
    private int vcpus;

    @Option(
            names = "--vcpu-type",
            paramLabel = "MODEL",
            description = "QEMU's name: EPYC-v4, EPYC-Rome, EPYC-Milan, EPYC-Genoa, EPYC-Turin (default: EPYC-v4).")
    private Optional<String> model = Optional.empty();

    @Option(names = "--vcpu-sig", paramLabel = "N", description = "CPUID(1).EAX instead of a model.")
    private Optional<Long> signature = Optional.empty();

    @Option(
            names = "--guest-features",
            paramLabel = "N",
            description = "SEV_FEATURES of the vCPUs (default: 0x1 for SNP, 0 for SEV-ES).")
    private Optional<Long> features = Optional.empty();

    @Option(
            names = "--vmm",
            paramLabel = "VMM",
            defaultValue = "qemu",
            description = "qemu, ec2, ec2-rdx0 (before April 2026), gce, krun, libkrun (default: ${DEFAULT-VALUE}).")
    private Vmm vmm;

    @Option(
            names = "--kernel-hashes",
            paramLabel = "on|off",
            description = "Measure the kernel (default: on with --kernel).")
    private Optional<Switch> hashes = Optional.empty();

    @Option(
            names = "--unknown-as-zero",
            description =
                    "Metadata sections of an unknown type are ZERO pages, as in QEMU; otherwise they are refused.")
    private boolean unknownAsZero;

    @Option(
            names = "--vmsa",
            paramLabel = "FIELD=N",
            split = ",",
            description = "Fields of the VMSAs that differ: rdx, mxcsr, fcw, rip, cr0, g_pat and others.")
    private Map<VmsaField, Long> fields = new TreeMap<>();

    @Option(names = "--vmsa-gpa", paramLabel = "N", description = "Where VMSAs are measured (default: 0xfffffffff000).")
    private Optional<Long> vmsaGpa = Optional.empty();

    /** On or off. */
    enum Switch {
        /** On. */
        ON,
        /** Off. */
        OFF
    }

    /** The direct boot. */
    MeasureBootOptions boot() {
        return boot;
    }

    /**
     * The settings.
     *
     * @param standardFeatures when none are given
     */
    SevSettings settings(long standardFeatures) throws IOException {
        if (vcpus < 1 || vcpus > SevSettings.MOST_VCPUS) {
            throw new ParameterException(
                    spec.commandLine(), "--vcpus: " + vcpus + " is not 1 to " + SevSettings.MOST_VCPUS);
        }
        Optional<KernelHashes> table = hashes();
        return SevSettings.STANDARD
                .with(vmm)
                .withVcpus(vcpus)
                .withSignature(signature.isPresent() ? signature.get() : signature(model.orElse("EPYC-v4")))
                .withFeatures(features.orElse(standardFeatures))
                .withHashes(table)
                .withHashesWithoutKernel(table.isEmpty() && hashes.equals(Optional.of(Switch.ON)))
                .withUnknownAsZero(unknownAsZero)
                .withMemory(boot.memory().map(OptionalLong::of).orElse(OptionalLong.empty()))
                .withVmsaGpa(vmsaGpa.orElse(SevSettings.STANDARD.vmsaGpa()))
                .withOverrides(fields);
    }

    /** Other tables of kernel hashes, by what is different: what people get wrong. */
    Map<String, KernelHashes> otherHashes() throws IOException {
        Optional<byte[]> kernel = boot.kernel();
        Map<String, KernelHashes> others = new TreeMap<>();
        if (kernel.isPresent()) {
            String append = boot.append();
            others.put("the kernel is measured", table(kernel.get(), boot.initrd(), append));
            others.put("the command line ends with a newline", table(kernel.get(), boot.initrd(), append + '\n'));
            others.put("the command line without blanks around it", table(kernel.get(), boot.initrd(), append.strip()));
            others.put("no command line", table(kernel.get(), boot.initrd(), ""));
            others.put("no initrd", table(kernel.get(), Optional.empty(), append));
        }
        return others;
    }

    private Optional<KernelHashes> hashes() throws IOException {
        Optional<byte[]> kernel = boot.kernel();
        return kernel.isEmpty() || hashes.equals(Optional.of(Switch.OFF))
                ? Optional.empty()
                : Optional.of(table(kernel.get(), boot.initrd(), boot.append()));
    }

    private static KernelHashes table(byte[] kernel, Optional<byte[]> initrd, String append) {
        return KernelHashes.of(MemorySegment.ofArray(kernel), initrd.map(MemorySegment::ofArray), append);
    }

    private long signature(String name) {
        return CpuModel.named(name)
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(), "--vcpu-type: no model '" + name + "'; use --vcpu-sig for others"));
    }
}
