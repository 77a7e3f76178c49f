package io.guestmem.measure.launch;

import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.firmware.OvmfFirmware;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * What decides about the launch of a SEV, SEV-ES or SNP guest besides its firmware.
 *
 * @param vmm whose habits
 * @param vcpus 1 to {@link #MOST_VCPUS}
 * @param signature {@code CPUID(1).EAX} of the vCPUs; see {@link CpuModel}
 * @param features SEV_FEATURES; see {@link GuestFeature}
 * @param fpu whether MXCSR and FCW of a VMSA hold their reset values; see {@link Vmsa}
 * @param hashes the table of kernel hashes: {@code kernel-hashes=on} with a kernel
 * @param hashesWithoutKernel {@code kernel-hashes=on} without a kernel
 * @param unknownAsZero whether metadata sections of an unknown type become ZERO pages, as QEMU does; otherwise they are refused
 * @param memory bytes of guest memory, if they are known: sections must have memory behind them
 * @param vmsaGpa where VMSAs are measured to be
 * @param overrides fields of VMSAs that differ, whatever the reason
 * @param svsm an SVSM, if there is one
 */
public record SevSettings(
        Vmm vmm,
        int vcpus,
        long signature,
        long features,
        boolean fpu,
        Optional<KernelHashes> hashes,
        boolean hashesWithoutKernel,
        boolean unknownAsZero,
        OptionalLong memory,
        long vmsaGpa,
        Map<VmsaField, Long> overrides,
        Optional<Svsm> svsm) {
    /** KVM's limit. */
    public static final int MOST_VCPUS = 4096;

    /** QEMU on a current kernel: one vCPU of model EPYC, SNP active, no kernel. */
    public static final SevSettings STANDARD = new SevSettings(
            Vmm.QEMU,
            1,
            CpuModel.EPYC.signature(),
            GuestFeature.SNP_ACTIVE.mask(),
            true,
            Optional.empty(),
            false,
            false,
            OptionalLong.empty(),
            SnpMeasurement.VMSA_GPA,
            Map.of(),
            Optional.empty());

    /**
     * A Coconut SVSM as its QEMU launched it before IGVM: an image of its own below the firmware and its variables.
     *
     * @param image its file, with its own tables
     * @param variables size of the variables between it and the firmware, bytes
     */
    public record Svsm(OvmfFirmware image, long variables) {}

    /** Checks the number of vCPUs. */
    public SevSettings {
        if (vcpus < 1 || vcpus > MOST_VCPUS) {
            throw new IllegalArgumentException("vCPUs: " + vcpus + ", not 1 to " + MOST_VCPUS);
        }
        overrides = Map.copyOf(overrides);
    }

    /** With the habits of another VMM. */
    public SevSettings with(Vmm other) {
        return changed(fields -> fields.vmm = other);
    }

    /** With another number of vCPUs. */
    public SevSettings withVcpus(int number) {
        return changed(fields -> fields.vcpus = number);
    }

    /** With vCPUs of another signature. */
    public SevSettings withSignature(long other) {
        return changed(fields -> fields.signature = other);
    }

    /** With other guest features. */
    public SevSettings withFeatures(long other) {
        return changed(fields -> fields.features = other);
    }

    /** With or without the reset values of MXCSR and FCW. */
    public SevSettings withFpu(boolean other) {
        return changed(fields -> fields.fpu = other);
    }

    /** With another table of kernel hashes, or none. */
    public SevSettings withHashes(Optional<KernelHashes> other) {
        return changed(fields -> fields.hashes = other);
    }

    /** With {@code kernel-hashes=on} and no kernel, or not. */
    public SevSettings withHashesWithoutKernel(boolean other) {
        return changed(fields -> fields.hashesWithoutKernel = other);
    }

    /** With ZERO pages for unknown sections, or not. */
    public SevSettings withUnknownAsZero(boolean other) {
        return changed(fields -> fields.unknownAsZero = other);
    }

    /** With so much guest memory. */
    public SevSettings withMemory(OptionalLong bytes) {
        return changed(fields -> fields.memory = bytes);
    }

    /** With VMSAs at another address. */
    public SevSettings withVmsaGpa(long gpa) {
        return changed(fields -> fields.vmsaGpa = gpa);
    }

    /** With other fields of VMSAs. */
    public SevSettings withOverrides(Map<VmsaField, Long> other) {
        return changed(fields -> fields.overrides = other);
    }

    /** With an SVSM. */
    public SevSettings withSvsm(Svsm image) {
        return changed(fields -> fields.svsm = Optional.of(image));
    }

    private SevSettings changed(Consumer<Fields> change) {
        Fields fields = new Fields(this);
        change.accept(fields);
        return fields.settings();
    }

    /** The register state of its vCPUs. */
    Vmsa vmsa(long sevFeatures) {
        return new Vmsa(vmm, signature, sevFeatures, fpu, overrides);
    }

    /** The components while one of them changes. */
    private static final class Fields {
        private Vmm vmm;
        private int vcpus;
        private long signature;
        private long features;
        private boolean fpu;
        private Optional<KernelHashes> hashes;
        private boolean hashesWithoutKernel;
        private boolean unknownAsZero;
        private OptionalLong memory;
        private long vmsaGpa;
        private Map<VmsaField, Long> overrides;
        private Optional<Svsm> svsm;

        Fields(SevSettings settings) {
            this.vmm = settings.vmm;
            this.vcpus = settings.vcpus;
            this.signature = settings.signature;
            this.features = settings.features;
            this.fpu = settings.fpu;
            this.hashes = settings.hashes;
            this.hashesWithoutKernel = settings.hashesWithoutKernel;
            this.unknownAsZero = settings.unknownAsZero;
            this.memory = settings.memory;
            this.vmsaGpa = settings.vmsaGpa;
            this.overrides = settings.overrides;
            this.svsm = settings.svsm;
        }

        SevSettings settings() {
            return new SevSettings(
                    vmm,
                    vcpus,
                    signature,
                    features,
                    fpu,
                    hashes,
                    hashesWithoutKernel,
                    unknownAsZero,
                    memory,
                    vmsaGpa,
                    overrides,
                    svsm);
        }
    }
}
