package io.guestmem.measure.launch;

import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.firmware.OvmfFirmware;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

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
        return new SevSettings(
                other,
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

    /** With another number of vCPUs. */
    public SevSettings withVcpus(int number) {
        return new SevSettings(
                vmm,
                number,
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

    /** With vCPUs of another signature. */
    public SevSettings withSignature(long other) {
        return new SevSettings(
                vmm,
                vcpus,
                other,
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

    /** With other guest features. */
    public SevSettings withFeatures(long other) {
        return new SevSettings(
                vmm,
                vcpus,
                signature,
                other,
                fpu,
                hashes,
                hashesWithoutKernel,
                unknownAsZero,
                memory,
                vmsaGpa,
                overrides,
                svsm);
    }

    /** With or without the reset values of MXCSR and FCW. */
    public SevSettings withFpu(boolean other) {
        return new SevSettings(
                vmm,
                vcpus,
                signature,
                features,
                other,
                hashes,
                hashesWithoutKernel,
                unknownAsZero,
                memory,
                vmsaGpa,
                overrides,
                svsm);
    }

    /** With another table of kernel hashes, or none. */
    public SevSettings withHashes(Optional<KernelHashes> other) {
        return new SevSettings(
                vmm,
                vcpus,
                signature,
                features,
                fpu,
                other,
                hashesWithoutKernel,
                unknownAsZero,
                memory,
                vmsaGpa,
                overrides,
                svsm);
    }

    /** With {@code kernel-hashes=on} and no kernel, or not. */
    public SevSettings withHashesWithoutKernel(boolean other) {
        return new SevSettings(
                vmm, vcpus, signature, features, fpu, hashes, other, unknownAsZero, memory, vmsaGpa, overrides, svsm);
    }

    /** With ZERO pages for unknown sections, or not. */
    public SevSettings withUnknownAsZero(boolean other) {
        return new SevSettings(
                vmm,
                vcpus,
                signature,
                features,
                fpu,
                hashes,
                hashesWithoutKernel,
                other,
                memory,
                vmsaGpa,
                overrides,
                svsm);
    }

    /** With so much guest memory. */
    public SevSettings withMemory(OptionalLong bytes) {
        return new SevSettings(
                vmm,
                vcpus,
                signature,
                features,
                fpu,
                hashes,
                hashesWithoutKernel,
                unknownAsZero,
                bytes,
                vmsaGpa,
                overrides,
                svsm);
    }

    /** With VMSAs at another address. */
    public SevSettings withVmsaGpa(long gpa) {
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
                gpa,
                overrides,
                svsm);
    }

    /** With other fields of VMSAs. */
    public SevSettings withOverrides(Map<VmsaField, Long> fields) {
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
                fields,
                svsm);
    }

    /** With an SVSM. */
    public SevSettings withSvsm(Svsm image) {
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
                Optional.of(image));
    }

    /** The register state of its vCPUs. */
    Vmsa vmsa(long sevFeatures) {
        return new Vmsa(vmm, signature, sevFeatures, fpu, overrides);
    }
}
