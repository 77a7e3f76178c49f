package io.guestmem.measure.launch;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The launch of a SEV or SEV-ES guest with OVMF: the firmware, the table of kernel hashes, and for SEV-ES a VMSA for each vCPU (QEMU
 * 10 {@code target/i386/sev.c}).
 */
public final class SevLaunch {
    private static final long FOUR_GIB = 1L << 32;

    private SevLaunch() {}

    /**
     * The plan.
     *
     * @param technology {@link Technology#SEV} or {@link Technology#SEV_ES}
     * @param settings of SEV-ES, {@link SevSettings#fpu} tells the flavours apart: reset values with {@code KVM_SEV_INIT2}, zeroes
     *     with the legacy {@code KVM_SEV_ES_INIT}
     */
    public static LaunchPlan plan(Technology technology, OvmfFirmware firmware, SevSettings settings) {
        try {
            return new LaunchPlan.Launches(technology, steps(technology, firmware, settings));
        } catch (RefusedException | MalformedFirmwareException refused) {
            return new LaunchPlan.Refused(technology, String.valueOf(refused.getMessage()));
        }
    }

    private static List<LaunchStep> steps(Technology technology, OvmfFirmware firmware, SevSettings settings)
            throws RefusedException, MalformedFirmwareException {
        MemorySegment bytes = firmware.file().bytes();
        if (bytes.byteSize() % LaunchStep.SEV_BLOCK != 0 || bytes.byteSize() > FOUR_GIB) {
            throw new RefusedException("the firmware, 0x" + Long.toHexString(bytes.byteSize())
                    + " bytes, is no multiple of 16 up to 4 GiB");
        }
        List<LaunchStep> steps = new ArrayList<>();
        steps.add(new LaunchStep.SevData(FOUR_GIB - bytes.byteSize(), bytes, "firmware"));
        if (settings.hashes().isPresent()) {
            long base = hashArea(firmware).base();
            if (base % LaunchStep.SEV_BLOCK != 0) {
                throw new RefusedException("the table of kernel hashes at 0x" + Long.toHexString(base)
                        + " is not aligned to 16, which the SEV firmware answers with INVALID_ADDRESS");
            }
            steps.add(new LaunchStep.SevData(base, settings.hashes().get().table(), "kernel hashes"));
        }
        if (technology == Technology.SEV_ES) {
            Vmsa vmsa = settings.vmsa(settings.features());
            MemorySegment first = MemorySegment.ofArray(vmsa.page(0, 0));
            MemorySegment other = MemorySegment.ofArray(vmsa.page(1, resetAddress(firmware)));
            for (int i = 0; i < settings.vcpus(); i++) {
                steps.add(new LaunchStep.SevVmsa(i, i == 0 ? first : other));
            }
        }
        return steps;
    }

    /** Where the table of kernel hashes goes. */
    static OvmfFirmware.Area hashArea(OvmfFirmware firmware) throws RefusedException, MalformedFirmwareException {
        Optional<OvmfFirmware.Area> area = firmware.kernelHashes();
        if (area.isEmpty() || area.get().base() == 0) {
            throw new RefusedException(
                    "a kernel is given, but the firmware's GUID table has no place for kernel hashes to measure it with");
        }
        if (area.get().size() < KernelHashes.SIZE) {
            throw new RefusedException("the firmware's place for kernel hashes has 0x"
                    + Long.toHexString(area.get().size()) + " bytes; the table takes " + KernelHashes.SIZE);
        }
        return area.get();
    }

    /** Where vCPUs other than the first start. */
    static long resetAddress(OvmfFirmware firmware) throws RefusedException, MalformedFirmwareException {
        Optional<Long> address = firmware.resetAddress();
        if (address.isEmpty()) {
            throw new RefusedException("the firmware does not say where vCPUs start: it is not made for SEV-ES or SNP");
        }
        if (address.get() == 0) {
            throw new RefusedException("the firmware's SEV-ES reset address is 0");
        }
        return address.get();
    }
}
