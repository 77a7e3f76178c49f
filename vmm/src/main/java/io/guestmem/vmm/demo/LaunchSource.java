package io.guestmem.vmm.demo;

import io.guestmem.abi.VmType;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.SnpLaunch;
import io.guestmem.measure.launch.TdxLaunch;
import io.guestmem.measure.launch.TdxSettings;
import io.guestmem.measure.launch.Vmsa;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Plans of launches, for {@link LaunchDemonstration}. */
public final class LaunchSource {
    private static final long PAGE = LaunchStep.PAGE;

    private LaunchSource() {}

    /**
     * What QEMU does with some firmware and one vCPU.
     *
     * @param type of the VM: SEV, SEV_ES, SNP or TDX
     */
    public static LaunchPlan firmware(VmType type, OvmfFirmware firmware) {
        SevSettings noFeatures = SevSettings.STANDARD.withFeatures(0);
        return switch (technology(type)) {
            case SEV -> SevLaunch.plan(Technology.SEV, firmware, noFeatures);
            case SEV_ES -> SevLaunch.plan(Technology.SEV_ES, firmware, noFeatures);
            case SNP -> SnpLaunch.plan(firmware, SevSettings.STANDARD);
            case TDX -> TdxLaunch.plan(firmware, TdxSettings.STANDARD);
        };
    }

    /**
     * Any bytes from address 0 on, and behind them a page of every other kind that the technology has; then one vCPU.
     *
     * @param type of the VM: SEV, SEV_ES, SNP or TDX
     * @param image a positive multiple of 4096 bytes
     */
    public static LaunchPlan.Launches image(VmType type, MemorySegment image) {
        Technology technology = technology(type);
        List<LaunchStep> steps = new ArrayList<>();
        long end = image.byteSize();
        switch (technology) {
            case SEV, SEV_ES -> steps.add(new LaunchStep.SevData(0, image, "image"));
            case SNP -> {
                steps.add(new LaunchStep.SnpPages(SnpPageType.NORMAL, 0, end, image, "image"));
                steps.add(page(SnpPageType.ZERO, end, "page of zeroes"));
                steps.add(page(SnpPageType.UNMEASURED, end + PAGE, "page that is not measured"));
                steps.add(page(SnpPageType.SECRETS, end + 2 * PAGE, "secrets"));
                steps.add(page(SnpPageType.CPUID, end + 3 * PAGE, "CPUID table"));
            }
            case TDX -> {
                steps.add(new LaunchStep.TdxPages(0, end, image, true, "image"));
                steps.add(new LaunchStep.TdxPages(end, PAGE, MemorySegment.NULL, false, "page that is not measured"));
            }
        }
        if (technology == Technology.SEV_ES) {
            steps.add(new LaunchStep.SevVmsa(0, registers(0)));
        } else if (technology == Technology.SNP) {
            steps.add(new LaunchStep.SnpPages(
                    SnpPageType.VMSA,
                    SnpMeasurement.VMSA_GPA,
                    PAGE,
                    registers(SevSettings.STANDARD.features()),
                    "vCPU 0"));
        }
        return new LaunchPlan.Launches(technology, steps);
    }

    private static LaunchStep page(SnpPageType type, long gpa, String what) {
        return new LaunchStep.SnpPages(type, gpa, PAGE, MemorySegment.NULL, what);
    }

    private static MemorySegment registers(long features) {
        SevSettings settings = SevSettings.STANDARD;
        Vmsa vmsa = new Vmsa(settings.vmm(), settings.signature(), features, settings.fpu(), Map.of());
        return MemorySegment.ofArray(vmsa.page(0, 0));
    }

    /**
     * How a type of VM is measured.
     *
     * @throws IllegalArgumentException if it is not
     */
    public static Technology technology(VmType type) {
        return switch (type) {
            case SEV -> Technology.SEV;
            case SEV_ES -> Technology.SEV_ES;
            case SNP -> Technology.SNP;
            case TDX -> Technology.TDX;
            case DEFAULT, SW_PROTECTED -> throw new IllegalArgumentException("not measured: " + type);
        };
    }
}
