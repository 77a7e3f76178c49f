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
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** What decides about a launch of the SEV family besides the firmware. */
final class MeasureSevOptions {
    private final CommandSpec spec;
    private final MeasureBootOptions boot;
    private final Argument<Integer> vcpus;
    private final Argument<String> model;
    private final Argument<Long> signature;
    private final Argument<Long> features;
    private final Argument<Vmm> vmm;
    private final Argument<Switch> hashes;
    private final Argument<Boolean> unknownAsZero;
    private final Argument<Map<VmsaField, Long>> fields;
    private final Argument<Long> vmsaGpa;

    MeasureSevOptions(CommandSpec spec) {
        this.spec = spec;
        boot = new MeasureBootOptions(spec);
        vcpus = Argument.option(spec, "--vcpus", "N", Values.INT, "1", "vCPUs (default: ${DEFAULT-VALUE}).");
        model = Argument.option(
                spec,
                "--vcpu-type",
                "MODEL",
                Values.TEXT,
                "QEMU's name: EPYC-v4, EPYC-Rome, EPYC-Milan, EPYC-Genoa, EPYC-Turin (default: EPYC-v4).");
        signature = Argument.option(spec, "--vcpu-sig", "N", RawNumber::parse, "CPUID(1).EAX instead of a model.");
        features = Argument.option(
                spec,
                "--guest-features",
                "N",
                RawNumber::parse,
                "SEV_FEATURES of the vCPUs (default: 0x1 for SNP, 0 for SEV-ES).");
        vmm = Argument.option(
                spec,
                "--vmm",
                "VMM",
                Choices.of(Vmm.class),
                "qemu",
                "qemu, ec2, ec2-rdx0 (before April 2026), gce, krun, libkrun (default: ${DEFAULT-VALUE}).");
        hashes = Argument.option(
                spec,
                "--kernel-hashes",
                "on|off",
                Choices.of(Switch.class),
                "Measure the kernel (default: on with --kernel).");
        unknownAsZero = Argument.flag(
                spec,
                "--unknown-as-zero",
                "Metadata sections of an unknown type are ZERO pages, as in QEMU; otherwise they are refused.");
        fields = Argument.pairs(
                spec,
                "--vmsa",
                "FIELD=N",
                Choices.of(VmsaField.class),
                RawNumber::parse,
                "Fields of the VMSAs that differ: rdx, mxcsr, fcw, rip, cr0, g_pat and others.");
        vmsaGpa = Argument.option(
                spec, "--vmsa-gpa", "N", RawNumber::parse, "Where VMSAs are measured (default: 0xfffffffff000).");
    }

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
        if (vcpus.value() < 1 || vcpus.value() > SevSettings.MOST_VCPUS) {
            throw new ParameterException(
                    spec.commandLine(), "--vcpus: " + vcpus.value() + " is not 1 to " + SevSettings.MOST_VCPUS);
        }
        Optional<KernelHashes> table = hashes();
        return SevSettings.STANDARD
                .with(vmm.value())
                .withVcpus(vcpus.value())
                .withSignature(signature.isPresent() ? signature.value() : signature(model.or("EPYC-v4")))
                .withFeatures(features.or(standardFeatures))
                .withHashes(table)
                .withHashesWithoutKernel(table.isEmpty() && hashes.optional().equals(Optional.of(Switch.ON)))
                .withUnknownAsZero(unknownAsZero.value())
                .withMemory(boot.memory().map(OptionalLong::of).orElse(OptionalLong.empty()))
                .withVmsaGpa(vmsaGpa.or(SevSettings.STANDARD.vmsaGpa()))
                .withOverrides(fields.value());
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
        return kernel.isEmpty() || hashes.optional().equals(Optional.of(Switch.OFF))
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
