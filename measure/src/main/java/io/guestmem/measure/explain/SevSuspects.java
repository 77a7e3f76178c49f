package io.guestmem.measure.explain;

import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.explain.Variation.Change;
import io.guestmem.measure.launch.CpuModel;
import io.guestmem.measure.launch.GuestFeature;
import io.guestmem.measure.launch.KernelHashes;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.Vmm;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Settings of SEV, SEV-ES and SNP launches that usually differ.
 *
 * @param kernels other tables of kernel hashes, by what is different: another command line, no initrd
 */
public record SevSuspects(Map<String, KernelHashes> kernels) {
    /** GPA of a VMSA where all 52 bits of an address are kept (Genoa), as GCE's verifier has it. */
    private static final long VMSA_GPA_OF_52_BITS = 0xf_ffff_ffff_f000L;

    /** Keeps its own copy. */
    public SevSuspects {
        kernels = new LinkedHashMap<>(kernels);
    }

    List<Change<SevSettings>> vmms(SevSettings given) {
        List<Change<SevSettings>> changes = new ArrayList<>();
        for (Vmm vmm : Vmm.values()) {
            if (vmm != given.vmm()) {
                changes.add(new Change<>(
                        "VMM " + vmm.label() + " instead of " + given.vmm().label(), all -> all.with(vmm)));
            }
        }
        return changes;
    }

    List<Change<SevSettings>> models(SevSettings given) {
        List<Change<SevSettings>> changes = new ArrayList<>();
        for (CpuModel model : CpuModel.values()) {
            if (model.signature() != given.signature()) {
                changes.add(new Change<>(
                        "vCPU type " + model.label() + " (signature 0x" + Long.toHexString(model.signature())
                                + ") instead of signature 0x" + Long.toHexString(given.signature()),
                        all -> all.withSignature(model.signature())));
            }
        }
        return changes;
    }

    /** Every single feature more or less, and what hosts set together. */
    List<Change<SevSettings>> features(SevSettings given) {
        List<Long> others = new ArrayList<>();
        for (GuestFeature feature : GuestFeature.values()) {
            others.add(given.features() ^ feature.mask());
        }
        others.add(GuestFeature.SNP_ACTIVE.mask());
        others.add(GuestFeature.SNP_ACTIVE.mask() | GuestFeature.DEBUG_SWAP.mask());
        others.add(GuestFeature.SNP_ACTIVE.mask() | GuestFeature.SECURE_TSC.mask());
        others.add(GuestFeature.SNP_ACTIVE.mask() | GuestFeature.SECURE_TSC.mask() | GuestFeature.DEBUG_SWAP.mask());
        others.add(0L);
        return others.stream()
                .distinct()
                .filter(value -> value != given.features())
                .map(value -> new Change<SevSettings>(
                        "guest features 0x" + Long.toHexString(value) + " instead of 0x"
                                + Long.toHexString(given.features()) + debugSwap(value ^ given.features()),
                        all -> all.withFeatures(value)))
                .toList();
    }

    private static String debugSwap(long different) {
        return (different & GuestFeature.DEBUG_SWAP.mask()) == 0
                ? ""
                : " (DebugSwap: forced on by Linux 6.6 to 6.8, off by default from 6.9 on)";
    }

    List<Change<SevSettings>> fpu(SevSettings given) {
        return List.of(new Change<>(
                given.fpu()
                        ? "MXCSR and FCW of the VMSAs are 0 (legacy SEV-ES init, or an SNP host before Linux 6.9)"
                        : "MXCSR and FCW of the VMSAs have their reset values (KVM_SEV_INIT2)",
                all -> all.withFpu(!given.fpu())));
    }

    List<Change<SevSettings>> hashes(SevSettings given) {
        List<Change<SevSettings>> changes = new ArrayList<>();
        if (given.hashes().isPresent()) {
            changes.add(new Change<>(
                    "the kernel is not measured (kernel-hashes=off)", all -> all.withHashes(Optional.empty())));
        }
        kernels.forEach((words, table) -> changes.add(new Change<>(words, all -> all.withHashes(Optional.of(table)))));
        return changes;
    }

    List<Change<SevSettings>> vmsaGpas() {
        return List.of(new Change<>(
                "VMSAs at 0x" + Long.toHexString(VMSA_GPA_OF_52_BITS) + " instead of 0x"
                        + Long.toHexString(SnpMeasurement.VMSA_GPA),
                all -> all.withVmsaGpa(VMSA_GPA_OF_52_BITS)));
    }

    List<Change<SevSettings>> unknownSections() {
        return List.of(new Change<>(
                "metadata sections of an unknown type are ZERO pages, as in QEMU", all -> all.withUnknownAsZero(true)));
    }
}
